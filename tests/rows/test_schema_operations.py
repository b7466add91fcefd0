"""Each schema operation of Django works on shared tables, with rows of two tenants.

It is done once for both, and beside it by Django's own backend in a plain schema with
the rows of one. What both leave must be the same, but for the tenant in front.
"""

import pytest

from tests.rows import acts, operations


@pytest.fixture(scope="module")
def errors(request, project):
    """What went wrong in the cases chosen, by name: one process does all of them."""
    here = [item for item in request.session.items if item.module is request.module]
    names = [item.callspec.params["name"] for item in here if hasattr(item, "callspec")]
    return project.call(acts.check_all, list(dict.fromkeys(names)))


def test_control_without_the_tenant_in_front_they_differ(project):
    assert "AssertionError" in project.call(acts.compare_without_tenant)


@pytest.mark.parametrize("name", operations.CASES)
def test_an_operation_does_what_it_does_in_plain_django(errors, name):
    assert name in errors
    assert not errors[name], errors[name]
