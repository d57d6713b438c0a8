"""The form of a provider: where it is, with which credential, how hard it may be used."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from routing.admin_fields import PairsField
from routing.models import Provider
from routing.pages.kinds import Kind, kind_of
from routing.providers.registry import adapters
from routing.validators import validate_base_url, validate_options
from tenants.models import Tenant
from tenants.secret_services import MAX_VALUE_LENGTH
from tenants.secret_store import MAX_NAME_LENGTH, NAME, StoredSecret
from tenants.validators import validate_secret_reference

CREDENTIALS = (
    ("reference", "Refer to where it is kept"),
    ("new", "Store a new one here, encrypted"),
    ("none", "None: the provider asks for no key"),
)


class ProviderForm(forms.Form):
    """A provider; ``provider`` is the one that is changed, None where one is made."""

    name = forms.CharField(
        max_length=64, help_text="The first half of “provider/model” in calls. Renaming it breaks calls that use it."
    )
    base_url = forms.CharField(
        label="Base address",
        required=False,
        max_length=500,
        validators=[validate_base_url],
        help_text="The adapter appends its own paths.",
    )
    credential = forms.ChoiceField(
        label="How is it given?", choices=CREDENTIALS, widget=forms.RadioSelect, initial="reference"
    )
    secret_ref = forms.CharField(
        label="Secret reference",
        required=False,
        max_length=200,
        help_text="<code>env:NAME</code>, <code>db:NAME</code>, <code>vault:MOUNT/PATH#FIELD</code>, "
        "<code>aws:SECRET-ID#FIELD</code> or <code>azure:VAULT/SECRET</code>. Never the credential itself.",
    )
    new_name = forms.CharField(
        label="Name of the secret",
        required=False,
        max_length=MAX_NAME_LENGTH,
        validators=[NAME],
        help_text="Other providers can refer to it as db:NAME.",
    )
    new_value = forms.CharField(
        label="The credential",
        required=False,
        max_length=MAX_VALUE_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted when it is stored. No page shows it again.",
    )
    max_in_flight = forms.IntegerField(
        label="Calls at a time",
        min_value=1,
        max_value=1_000_000,
        initial=100,
        help_text="Per gateway machine and target. Further calls wait, then move on to the next target.",
    )
    max_queue = forms.IntegerField(
        label="Calls that may wait", min_value=0, max_value=1_000_000, initial=100, help_text="For a free place."
    )
    connect_timeout_ms = forms.IntegerField(
        label="Connect timeout (ms)", min_value=1, initial=5_000, help_text="Until the connection stands."
    )
    first_token_timeout_ms = forms.IntegerField(
        label="First-token timeout (ms)", min_value=1, initial=30_000, help_text="On a stream, until the answer begins."
    )
    timeout_ms = forms.IntegerField(
        label="Attempt timeout (ms)",
        min_value=1,
        initial=60_000,
        help_text="To the last byte of a whole answer; on a stream, between two chunks.",
    )
    headers = PairsField(
        label="Extra headers",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "name: value"}),
        help_text="Sent with every call, one “name: value” a line. No credentials.",
    )
    options = forms.JSONField(
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 3}),
        validators=[validate_options],
        help_text="What this kind needs beyond the rest, as a JSON object, such as Azure's "
        "<code>{&quot;api_version&quot;: &quot;2024-10-21&quot;}</code>.",
    )

    sections: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("", ("name", "base_url")),
        ("Credential", ("credential", "secret_ref", "new_name", "new_value")),
        ("Load", ("max_in_flight", "max_queue")),
        ("Time", ("connect_timeout_ms", "first_token_timeout_ms", "timeout_ms")),
        ("Further", ("headers", "options")),
    )

    def __init__(self, *args: Any, kind: str, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind: Kind = kind_of(kind)
        self.provider = provider
        self.tenant: Tenant | None = provider.tenant if provider is not None else None
        self._describe()

    def _describe(self) -> None:
        address = self.fields["base_url"]
        address.widget.attrs["placeholder"] = self.kind.base_url or self.kind.address
        if self.kind.base_url:
            address.help_text = f"Empty: {self.kind.base_url}. The adapter appends its own paths."
        else:
            address.required = True
        self.fields["secret_ref"].widget.attrs["list"] = "known-references"

    def clean_name(self) -> str:
        """A name that the owner's providers do not have yet."""
        name: str = self.cleaned_data["name"].strip()
        Provider._meta.get_field("name").run_validators(name)
        mine = Provider.objects.for_tenant(self.tenant) if self.tenant else Provider.objects.of_platform()
        if mine.filter(name=name).exclude(pk=self.provider.pk if self.provider else None).exists():
            raise ValidationError("There is a provider of this name already.")
        return name

    def clean_secret_ref(self) -> str:
        """A reference, where one is wanted."""
        reference: str = self.cleaned_data["secret_ref"].strip()
        if self.data.get(self.add_prefix("credential")) != "reference":
            return ""
        if not reference:
            raise ValidationError("Say where the credential is, or choose that none is needed.")
        validate_secret_reference(reference)
        return reference

    def clean(self) -> dict[str, Any]:
        """A new secret needs a name that is free, and a value."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("credential") == "new":
            for field, words in (("new_name", "Give the secret a name."), ("new_value", "Paste the credential.")):
                if not cleaned.get(field) and field not in self.errors:
                    self.add_error(field, words)
            secrets = StoredSecret.objects
            mine = secrets.for_tenant(self.tenant.pk) if self.tenant else secrets.of_platform()
            if cleaned.get("new_name") and mine.filter(name=cleaned["new_name"]).exists():
                self.add_error("new_name", "There is a secret of this name; refer to it, or give it a new value.")
        return cleaned

    @property
    def references(self) -> list[str]:
        """Those that the owner has already, to choose from."""
        return known_references(self.tenant)

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under their headings."""
        return [(title, [self[name] for name in names if name in self.fields]) for title, names in self.sections]

    def provider_fields(self) -> dict[str, Any]:
        """What the services take, but for the secret's reference."""
        names = (
            "name", "base_url", "max_in_flight", "max_queue", "connect_timeout_ms", "first_token_timeout_ms",
            "timeout_ms", "headers", "options",
        )  # fmt: skip
        fields = {name: self.cleaned_data[name] for name in names}
        return {**fields, "headers": fields["headers"] or {}, "options": fields["options"] or {}}


class NewProviderForm(ProviderForm):
    """A provider that is not there yet: the kind is chosen before, the owner and the first models here."""

    tenant_choice = forms.ModelChoiceField(
        label="For",
        queryset=Tenant.objects.none(),
        required=False,
        empty_label="All tenants",
        help_text="A tenant's own provider serves only that tenant, and uses only secrets that it stored itself.",
    )
    models = forms.MultipleChoiceField(
        label="Models to begin with",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="More can be added afterwards.",
    )
    model_names = forms.CharField(
        label="Models to begin with",
        required=False,
        help_text="Names as the provider calls them, separated by commas. More can be added afterwards.",
    )

    sections = (
        ("", ("name", "tenant_choice", "base_url")),
        *ProviderForm.sections[1:2],
        ("Models", ("models", "model_names")),
        *ProviderForm.sections[2:],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner: Any = self.fields["tenant_choice"]
        owner.queryset = Tenant.objects.order_by("name")
        self.tenant = self._chosen_tenant()
        known = self.kind.known
        if known is not None:
            chosen: Any = self.fields["models"]
            chosen.choices = [(model.name, model.name) for model in known.models]
            chosen.initial = [model.name for model in known.models]
            del self.fields["model_names"]
        else:
            del self.fields["models"]
        self.fields["name"].initial = self.kind.key if self.kind.key != "openai_compatible" else ""
        if known is not None and known.credential:
            self.fields["secret_ref"].initial = f"env:{known.credential}"
        if not self.kind.needs_key:
            self.fields["credential"].initial = "none"

    def _chosen_tenant(self) -> Tenant | None:
        raw = self.data.get(self.add_prefix("tenant_choice")) if self.is_bound else None
        try:
            return Tenant.objects.filter(pk=raw).first() if raw else None
        except ValidationError:
            return None

    def clean_model_names(self) -> list[str]:
        """The names, each once."""
        names = [name.strip() for name in self.cleaned_data["model_names"].split(",")]
        return list(dict.fromkeys(name for name in names if name))


def known_references(tenant: Tenant | None) -> list[str]:
    """What providers of this owner refer to already, and the secrets that it stored."""
    stored = StoredSecret.objects.for_tenant(tenant.pk) if tenant else StoredSecret.objects.of_platform()
    used = Provider.objects.for_tenant(tenant) if tenant else Provider.objects.of_platform()
    references = {f"db:{name}" for name in stored.values_list("name", flat=True)[:100]}
    references |= set(used.exclude(secret_ref="").values_list("secret_ref", flat=True)[:100])
    return sorted(references)


def kind_is_known(key: str) -> bool:
    """Whether some adapter speaks it."""
    return key in adapters()
