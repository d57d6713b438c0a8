"""Forms of the account pages."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm, ResetPasswordForm
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError

from tenants.invitation_rows import Invitation
from tenants.models import User


class SignInForm(LoginForm):  # type: ignore[misc]
    """User name or address, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = "User name or e-mail address"
        login.widget.attrs |= {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        login.widget.attrs.pop("placeholder", None)
        if not self.is_bound:
            login.widget.attrs["autofocus"] = True
        password.widget.attrs["autocomplete"] = "current-password"
        password.widget.attrs.pop("placeholder", None)
        password.help_text = ""


class ResetForm(ResetPasswordForm):  # type: ignore[misc]
    """The address whose password is to be set."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail address"
        self.fields["email"].widget.attrs.pop("placeholder", None)


class NewMemberForm(forms.Form):
    """Name and password of somebody who was invited."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
        help_text="Letters, digits and @ . + - _",
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean_username(self) -> str:
        """Free, in any case of the letters."""
        username: str = self.cleaned_data["username"].strip()
        User._meta.get_field("username").run_validators(username)
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError("Somebody has this name already; choose another.")
        return username

    def clean(self) -> dict[str, Any]:
        """Twice the same, and good enough."""
        data = super().clean() or {}
        password = data.get("password")
        if password and data.get("again") and password != data["again"]:
            self.add_error("again", "These are two different passwords.")
        if password:
            try:
                validate_password(password, User(username=data.get("username", ""), email=self.invitation.email))
            except ValidationError as error:
                self.add_error("password", error)
        return data
