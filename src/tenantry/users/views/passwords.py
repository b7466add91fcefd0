"""Pages: passwords, changed and forgotten, by the policy of where that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.urls import path, reverse_lazy
from django.utils.decorators import method_decorator

from tenantry.users.login import ResetForm, can_reset_passwords

if TYPE_CHECKING:
    from django.urls import URLPattern

FORM = "tenantry/password_form.html"
DONE = "tenantry/password_done.html"
TO_LOGIN = login_required(login_url=reverse_lazy("tenantry_login"))


@method_decorator(TO_LOGIN, name="dispatch")
class Change(auth_views.PasswordChangeView):
    """Changes the password of who is logged in; their other sessions end."""

    template_name = FORM


@method_decorator(TO_LOGIN, name="dispatch")
class Changed(auth_views.PasswordChangeDoneView):
    """Says that it was changed."""

    template_name = DONE
    extra_context = {"text": "Your password is changed."}


class WhereItCanBe:
    """A page that is not found where nobody can be sent a link."""

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """Answer, or raise `Http404`."""
        if not can_reset_passwords():
            raise Http404("Passwords of shared users of a model of their own.")
        parent: Any = super()
        return parent.dispatch(*args, **kwargs)


class Reset(WhereItCanBe, auth_views.PasswordResetView):
    """Sends a link to who may sign in here, and tells nobody whether it did."""

    form_class = ResetForm
    template_name = FORM
    email_template_name = "tenantry/password_reset_email.txt"


class ResetSent(auth_views.PasswordResetDoneView):
    """Says the same whoever asked."""

    template_name = DONE
    extra_context = {
        "text": "If somebody with that address may sign in here, a mail is on its way."
    }


class ResetConfirm(WhereItCanBe, auth_views.PasswordResetConfirmView):
    """Takes a new password from who has the link, while they may sign in here."""

    template_name = FORM

    def get_user(self, uidb64: str) -> Any:
        """Return the user of the link; None for one who is not let in any more."""
        user: Any = super().get_user(uidb64)
        return user if user is not None and user.is_active else None


class ResetComplete(auth_views.PasswordResetCompleteView):
    """Says that the new password is in force."""

    template_name = DONE
    extra_context = {"text": "Your new password is set. You can log in with it."}


pages: list[URLPattern] = [
    path("password/", Change.as_view(), name="password_change"),
    path("password/changed/", Changed.as_view(), name="password_change_done"),
    path("password/reset/", Reset.as_view(), name="password_reset"),
    path("password/reset/sent/", ResetSent.as_view(), name="password_reset_done"),
    path(
        "password/reset/<uidb64>/<token>/",
        ResetConfirm.as_view(),
        name="password_reset_confirm",
    ),
    path(
        "password/reset/done/", ResetComplete.as_view(), name="password_reset_complete"
    ),
]
