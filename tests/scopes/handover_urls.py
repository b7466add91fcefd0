"""What tenants serve where logins are handed over to them."""

from django.contrib.auth.models import User
from django.urls import path

from tenantry.scopes.handover import receive
from tests import urls


def of_that_name(shared_user, request):
    """Return the tenant's own user who has the shared one's name."""
    assert shared_user._state.db == "default"
    return User.objects.filter(username=shared_user.username).first()


urlpatterns = [
    *urls.urlpatterns,
    path("enter/", receive, {"find_user": of_that_name}, name="tenantry_receive"),
]
