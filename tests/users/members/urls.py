"""What tenants serve in the tests of signing in."""

from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.template import engines
from django.urls import path

FORM = "{{ form.errors }}{{ form.username.value }}"


class Login(LoginView):
    """Django's own, with a page that shows its errors."""

    success_url = next_page = "/whoami/"

    def render_to_response(self, context, **_):
        """Show the form's errors."""
        page = engines["django"].from_string(FORM)
        return HttpResponse(page.render({"form": context["form"]}))


def whoami(request):
    """Say who is logged in, and what they may do."""
    user = request.user
    return HttpResponse(
        f"{user.get_username() or '-'} {user.has_perm('shop.add_book')}"
    )


async def awhoami(request):
    """Say the same, asynchronously."""
    user = await request.auser()
    allowed = await user.ahas_perm("shop.add_book")
    return HttpResponse(
        f"{user.get_username() or '-'} {allowed} {user.is_active} {user.is_staff}"
    )


urlpatterns = [
    path("login/", Login.as_view()),
    path("whoami/", whoami),
    path("awhoami/", awhoami),
]
