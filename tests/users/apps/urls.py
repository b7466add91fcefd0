"""What tenants serve: the neighbours' own views, and one that says who you are."""

from django.contrib import admin
from django.http import JsonResponse
from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt import views as jwt

from tests.shop.models import Tag

admin.site.register(Tag)


class Api(APIView):
    """Says by what name a credential is known."""

    def get(self, request):
        return Response({"user": request.user.get_username()})


def who_am_i(request):
    return JsonResponse({"user": request.user.get_username()})


urlpatterns = [
    path("whoami/", who_am_i),
    path("admin/", admin.site.urls),
    path("api/", Api.as_view()),
    path("api/token/", obtain_auth_token),
    path("jwt/", jwt.TokenObtainPairView.as_view()),
    path("jwt/refresh/", jwt.TokenRefreshView.as_view()),
    path("jwt/verify/", jwt.TokenVerifyView.as_view()),
    path("jwt/blacklist/", jwt.TokenBlacklistView.as_view()),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
