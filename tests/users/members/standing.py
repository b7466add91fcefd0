"""Members, made without the acts that the project's own code goes by."""

import itertools
from contextlib import ExitStack, contextmanager

from django.test.utils import CaptureQueriesContext

from tenantry import override_tenant
from tenantry.types import SHARED_ALIAS

_numbers = itertools.count(1)


def new_user(**fields):
    """Return a new shared user, whose password is `pw`."""
    from django.contrib.auth import get_user_model

    name = f"user{next(_numbers)}"
    with override_tenant(None):
        return get_user_model().objects.create_user(
            name, email=f"{name}@example.com", password="pw", **fields
        )


def join(user, tenant, *roles, **fields):
    """Make the user a member of the tenant; return the membership."""
    from tenantry.users.models import Membership

    with override_tenant(None):
        return Membership.objects.create(
            tenant_id=tenant.pk, user=user, roles=list(roles), **fields
        )


def leave(user):
    """Make the user a member of nothing."""
    from tenantry.users.models import Membership

    with override_tenant(None):
        Membership.objects.filter(user=user).delete()


def fetched(user):
    """Return the user as a query gives it now."""
    return type(user).objects.get(pk=user.pk)


def stored(user):
    """Return what the user's row says: active, staff, superuser."""
    with override_tenant(None):
        rows = type(user).objects.filter(pk=user.pk)
        return rows.values_list("is_active", "is_staff", "is_superuser").get()


def flags(user):
    """Return what the object says: active, staff, superuser."""
    return user.is_active, user.is_staff, user.is_superuser


NOBODY = (False, False, False)
MEMBER = (True, False, False)
ADMIN = (True, True, True)


@contextmanager
def queries():
    """Collect the statements sent to the shared database and to the tenant's."""
    from django.db import connections

    both = [connections[alias] for alias in ("default", SHARED_ALIAS)]
    found = {id(each.queries_log): each for each in both}  # often one and the same
    made = []
    with ExitStack() as stack:
        captured = [
            stack.enter_context(CaptureQueriesContext(each)) for each in found.values()
        ]
        yield made
        made += [query["sql"] for each in captured for query in each.captured_queries]
