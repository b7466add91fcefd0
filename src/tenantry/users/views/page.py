"""What pages about accounts have in common: no cache keeps them, no log secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from tenantry import guards
from tenantry.conf import conf
from tenantry.context import get_tenant

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

SECRETS = ("password", "password1", "password2")


class Page(View):
    """A page of a form or two."""

    template_name = ""

    @method_decorator(login_not_required)
    @method_decorator(sensitive_post_parameters(*SECRETS))
    @method_decorator(csrf_protect)
    @method_decorator(never_cache)
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve it."""
        return super().dispatch(request, *args, **kwargs)

    def show(self, **context: Any) -> TemplateResponse:
        """Return the page."""
        return TemplateResponse(self.request, self.template_name, context)


class MembersPage(Page):
    """A page of the shared site for shared users who are signed in."""

    @method_decorator(login_not_required)  # it leads to the login by itself
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve it; 404 where there are no members, else the way to the login."""
        label = conf.shared_user_model.partition(".")[0]
        side = guards.sides[None][label]
        is_there = side.shared and apps.is_installed("tenantry.users")
        if get_tenant() is not None or not is_there:
            raise Http404
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), login_url())
        return super().dispatch(request, *args, **kwargs)


def login_url() -> str | None:
    """Return our login page; None: the project's LOGIN_URL."""
    try:
        return reverse("tenantry_login")
    except NoReverseMatch:
        return None
