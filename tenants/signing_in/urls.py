"""Pages below ``/account/``, under the names that django-allauth gives them."""

from django.urls import include, path

from tenants.signing_in import issuer, pages

urlpatterns = [
    path("", pages.account_home, name="account_home"),
    path("signup/", pages.closed),
    path("email/", pages.closed),
    path("password/set/", pages.closed),
    path("issuer/", pages.closed),
    path("join/<str:token>/", pages.invitation, name="account_invitation"),
    path("refused/", pages.issuer_refused, name="account_issuer_refused"),
    path("2fa/", include("allauth.mfa.urls")),
    path("issuer/", include("allauth.socialaccount.urls")),
    path("oidc/<str:provider_id>/login/", issuer.start, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", issuer.callback, name="openid_connect_callback"),
    path("", include("allauth.account.urls")),
]
