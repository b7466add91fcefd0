"""Settings with which shared staff could not work are told."""

import pytest

from tenantry.users.checks import staff
from tenantry.users.checks.staff import BACKEND, of_staff

MODEL = "django.contrib.auth.backends.ModelBackend"
OTHER = {"SHARED_USER_MODEL": "staff.Staff"}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(staff.apps, "is_installed", lambda _: True)


@pytest.mark.parametrize(
    ("backends", "options", "told"),
    [
        ([MODEL], {}, ["W097"]),
        ([BACKEND, MODEL], {}, []),
        ([MODEL, BACKEND], {}, []),
        ([MODEL], OTHER, ["W097"]),
        ([MODEL, BACKEND], OTHER, ["W098"]),
        ([BACKEND, MODEL], OTHER, []),
        ([MODEL], {"TENANT_APPS": ["shop"]}, []),
    ],
)
def test_the_backend_is_there_and_in_its_place(  # noqa: PLR0917  (a row of a table)
    settings, backends, options, told
):
    settings.AUTHENTICATION_BACKENDS = backends
    settings.TENANTRY = {**settings.TENANTRY, **options}
    assert [problem.id for problem in of_staff()] == told


def test_without_shared_people_nothing_is_asked(settings, monkeypatch):
    monkeypatch.setattr(staff.apps, "is_installed", lambda _: False)
    settings.AUTHENTICATION_BACKENDS = [MODEL]
    assert list(of_staff()) == []
