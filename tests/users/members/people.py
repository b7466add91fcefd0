"""Two tenants and their members, made directly: without the acts."""

from contextlib import contextmanager

from tenantry import override_tenant
from tests.world import two_tenants


def join(user, tenant, *roles, **fields):
    """Make the user a member of the tenant."""
    from tenantry.users.models import Membership

    with override_tenant(None):
        row = Membership.objects.create(
            tenant_id=tenant.pk, user=user, roles=list(roles), **fields
        )
    return row


def user(name, **fields):
    """Return a new shared user."""
    from django.contrib.auth import get_user_model

    with override_tenant(None):
        return get_user_model().objects.create_user(name, password="pw", **fields)


def fetch(pk):
    """Return the user as a query gives it in the active tenant."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(pk=pk)


def row(pk):
    """Return what is stored of the user."""
    from django.contrib.auth import get_user_model

    with override_tenant(None):
        users = get_user_model().objects.filter(pk=pk)
        return users.values_list("is_active", "is_staff", "is_superuser").get()


@contextmanager
def tenants_and_no_users():
    """Provision two tenants for a block; after it, no users and groups are left."""
    from django.contrib.auth.models import Group, User

    with two_tenants() as made:
        try:
            yield made
        finally:
            with override_tenant(None):
                User.objects.all().delete()
                Group.objects.all().delete()
