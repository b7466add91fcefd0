"""Errors travel: a worker in another process says what it met."""

import inspect
import pickle

import pytest

from tenantry import exceptions
from tenantry.exceptions import NoActiveTenant, TenantNotFound, TenantUnavailable

MADE = {
    "NoActiveTenant": NoActiveTenant("Book"),
    "WrongTenant": exceptions.WrongTenant("Book", belongs_to="a", active="b"),
    "NotInKind": exceptions.NotInKind("Book", kind="shop", setting="KINDS"),
    "TenantNotFound": TenantNotFound("acme"),
    "TenantUnavailable": TenantUnavailable("acme", "suspended"),
    "LocationMissing": exceptions.LocationMissing("acme", "acme.sqlite3"),
    "TooManyConnections": exceptions.TooManyConnections(3),
    "InvalidIdentifier": exceptions.InvalidIdentifier("a b", "it has a space"),
    "UsedByTenants": exceptions.UsedByTenants("Ann", [], reason="protected"),
    "UnusableSetting": exceptions.UnusableSetting("a", "SEATS", "it is a text"),
    "MayNotEnter": exceptions.MayNotEnter("ann", "acme"),
    "NotInvited": exceptions.NotInvited(),
    "DeletionRefused": exceptions.DeletionRefused("ann", "no", next_step="Wait."),
    "PeopleError": exceptions.PeopleError("acme", "no"),
    "NotAMember": exceptions.NotAMember("acme", "ann"),
    "AlreadyAMember": exceptions.AlreadyAMember("acme", "ann", state="active"),
    "AccountExists": exceptions.AccountExists("acme", "ann"),
    "NoSuchUser": exceptions.NoSuchUser("acme", "ann", found=["ann", "anna"]),
    "NotTheirUser": exceptions.NotTheirUser("acme", "no"),
    "UnknownRole": exceptions.UnknownRole("acme", "edtor", known=["editor"]),
    "NotPermitted": exceptions.NotPermitted("acme", "no"),
    "OwnerRequired": exceptions.OwnerRequired("acme", "no"),
    "InvitationRefused": exceptions.InvitationRefused("acme", "no"),
    "OwnsTenants": exceptions.OwnsTenants("ann", [], ["acme"]),
    "LifecycleError": exceptions.LifecycleError("a", "b", "c", next_step="d"),
}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(MADE.get(name) or kind("said"), id=name)
        for name, kind in vars(exceptions).items()
        if (
            inspect.isclass(kind)
            and issubclass(kind, exceptions.TenantryError)
            and not issubclass(kind, exceptions.LifecycleError)
        )
        or name in MADE
    ],
)
def test_every_error_is_the_same_after_it_was_pickled(error):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    "error",
    [NoActiveTenant("Book"), TenantNotFound("acme"), TenantUnavailable("acme", "gone")],
)
def test_errors_of_tasks_are_made_anew_from_their_arguments(error):
    """As result backends do that store JSON, Celery's for one."""
    assert str(type(error)(*error.args)) == str(error)
