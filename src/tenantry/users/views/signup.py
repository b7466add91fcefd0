"""Pages: signing up, at the shared site or a tenant, and what follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model, load_backend, login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponseRedirect
from django.urls import path
from django.utils.decorators import method_decorator

from tenantry.catalog import audit
from tenantry.conf import DEFAULT_PLACEMENT, conf
from tenantry.context import get_tenant
from tenantry.exceptions import KeyTaken, LocationTaken
from tenantry.guards import have_own_users
from tenantry.kinds import DEFAULT_KIND
from tenantry.users import signup, waiting
from tenantry.users.signup_forms import AccountForm, TenantForm, account_form
from tenantry.users.views import closing, deletion
from tenantry.users.views import waiting as waiting_views
from tenantry.users.views.address import AddressFirst
from tenantry.users.views.entry import Login
from tenantry.users.views.waiting import waiting_url

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django.urls import URLPattern

ACCOUNT, TENANT = "account", "tenant"


class AccountView(AddressFirst):
    """Makes an account, where `SIGNUP` is "account": in the place that is active."""

    template_name = "tenantry/signup.html"
    account_form_class: type[AccountForm] | None = None

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self.ask(request) or self.show(forms=[self.form()])

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the account and sign in."""
        page = self.ask(request)
        if page is not None:
            return page
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(forms=[form])
        try:
            with transaction.atomic():
                user = form.save()
                audit.record("account.created", actor=user, target=user)
        except IntegrityError:
            form.tell_taken()
            return self.show(forms=[form])
        sign_in(request, user)
        return HttpResponseRedirect(landing())

    def ask(self, request: HttpRequest) -> HttpResponse | None:
        """Return what comes before the form: the way on, the address; else None."""
        model = self.model
        if request.user.is_authenticated:
            return HttpResponseRedirect(landing())
        return self.address_page(request, model, is_first=False)

    @property
    def model(self) -> Any:
        """The model of the users who are where the visitor is; else 404."""
        tenant = get_tenant()
        kind = DEFAULT_KIND if tenant is None else tenant.kind
        if conf.signup != ACCOUNT or have_own_users(kind) != (tenant is not None):
            raise Http404
        return get_user_model() if tenant else apps.get_model(conf.shared_user_model)

    def form(self, *given: Any) -> AccountForm:
        """Return the form for an account."""
        form = self.account_form_class or account_form(self.model)
        return form(*given, address=self.address)


class SignupView(AddressFirst):
    """Makes an account with a tenant of its own; of a user who has none, the tenant.

    `kind` and `placement` are those of the new tenants.
    """

    template_name = "tenantry/signup.html"
    account_form_class: type[AccountForm] | None = None
    tenant_form_class: type[TenantForm] = TenantForm
    kind = DEFAULT_KIND
    placement = DEFAULT_PLACEMENT

    # Provisioning is durable: it is in no transaction of the request's.
    @method_decorator(login_not_required)
    @method_decorator(transaction.non_atomic_requests)
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve it, where `SIGNUP` has it."""
        if conf.signup == ACCOUNT:
            return AccountView.as_view(
                account_form_class=self.account_form_class,
                confirms_address=self.confirms_address,
            )(request)
        if conf.signup != TENANT or get_tenant() is not None:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the forms, to whom has no tenant yet."""
        return self.first_page(request) or self.show(forms=self.forms(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Record account and tenant at once; then make it, and the visitor wait."""
        page = self.first_page(request)
        if page is not None:
            return page
        forms = self.forms(request, request.POST)
        valid = [form.is_valid() for form in forms]  # each tells its errors
        return self.make(request, forms) if all(valid) else self.show(forms=forms)

    def make(self, request: HttpRequest, forms: list[Any]) -> HttpResponse:
        """Make what the forms ask for; show them again where somebody was faster."""
        *account, tenant_form = forms
        user = account[0].save(commit=False) if account else request.user
        tenant = tenant_form.tenant
        try:
            signup.begin(user, tenant, domains=tenant_form.domains())
        except (KeyTaken, LocationTaken):
            # Their own second click, perhaps.
            page = self.first_page(request)
            if page is None:
                tenant_form.tell_taken()
            return page or self.show(forms=forms)
        except (IntegrityError, ValidationError) as error:
            return self.tell(forms, error)
        if account and not self.have_own_users:
            sign_in(request, user)
        waiting.start(tenant)
        return HttpResponseRedirect(waiting_url(tenant))

    @property
    def have_own_users(self) -> bool:
        """Whether the new tenants have users of their own."""
        return have_own_users(self.kind)

    def forms(self, request: HttpRequest, *given: Any) -> list[Any]:
        """Return what is asked: the tenant, and the account of who is not signed in."""
        tenant = self.tenant_form_class(
            *given, kind=self.kind, placement=self.placement
        )
        if self.is_signed_in(request):
            return [tenant]
        form = self.account_form_class or account_form(self.model)
        is_first = self.have_own_users
        return [form(*given, is_first=is_first, address=self.address), tenant]

    @property
    def model(self) -> Any:
        """The model of the users who own tenants."""
        if self.have_own_users:
            return get_user_model()
        return apps.get_model(conf.shared_user_model)

    def first_page(self, request: HttpRequest) -> HttpResponse | None:
        """Return what comes before the forms: the tenant that is theirs, the address.

        None where nothing does.
        """
        if not self.is_signed_in(request):
            is_first = self.have_own_users
            return self.address_page(request, self.model, is_first=is_first)
        own = signup.own_tenants(request.user)
        return HttpResponseRedirect(waiting_url(own[0])) if own else None

    def is_signed_in(self, request: HttpRequest) -> bool:
        """Whether the visitor is a shared user already."""
        return not self.have_own_users and request.user.is_authenticated

    def tell(self, forms: list[Any], error: Exception) -> HttpResponse:
        """Say what somebody else has taken while this was on its way."""
        *account, tenant = forms
        for form in account:
            if not form.is_first:
                form.tell_taken()
        if isinstance(error, ValidationError):
            tenant.add_error(None, error.messages)
        elif not any(form.errors for form in account):
            tenant.tell_taken()
        return self.show(forms=forms)


def landing() -> str:
    """Return where somebody goes who has signed in here."""
    return Login().get_default_redirect_url()


def sign_in(request: HttpRequest, user: Any) -> None:
    """Sign the new user in, by the first backend that knows them in this place."""
    for backend in conf.authentication_backends:
        if load_backend(backend).get_user(user.pk) == user:
            login(request, user, backend=backend)
            return


of_tenants: list[URLPattern] = [
    path("signup/", SignupView.as_view(), name="tenantry_signup"),
    *closing.of_tenants,
]
of_shared_site: list[URLPattern] = [
    path("signup/", SignupView.as_view(), name="tenantry_signup"),
    *waiting_views.of_shared_site,
    *deletion.of_shared_site,
    *closing.of_shared_site,
]
