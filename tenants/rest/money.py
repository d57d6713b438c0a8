"""Amounts in both forms: ``…_usd``, a text with nine decimals, and ``…_nanousd``, the whole number that is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from contracts.money import NANO_USD_PER_USD, to_nano_usd
from tenants.rest.serializers import RowSerializer

DECIMALS = 9
_DIGITS = 19


class UsdField(serializers.DecimalField):
    """US dollars as a text, exact to nine decimals; a whole number of nano-dollars inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=_DIGITS, decimal_places=DECIMALS, min_value=Decimal(0), **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Nano-dollars.

        Raises:
            ValidationError: no amount, negative, or with more than nine decimals.
        """
        if isinstance(data, float):
            raise ValidationError('Write the amount as a text, such as "12.50": numbers with decimals are not exact.')
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Validated as dollars, handed on as nano-dollars."""
        dollars = super().run_validation(data)
        return None if dollars is None else to_nano_usd(dollars)

    def to_representation(self, value: Any) -> str:
        """With all nine decimals."""
        return format(Decimal(value).scaleb(-DECIMALS).quantize(Decimal(1).scaleb(-DECIMALS)), "f")


class MoneyRowSerializer(RowSerializer):
    """A row with amounts: each of ``amounts`` (public name → column of nano-dollars) has two fields, one to be sent."""

    amounts: ClassVar[dict[str, str]] = {}

    def get_fields(self) -> dict[str, Any]:
        """The row's fields, each amount's column replaced by its two forms."""
        fields: dict[str, Any] = super().get_fields()
        for name, column in self.amounts.items():
            whole = fields.pop(column)
            options = {"required": False, "allow_null": whole.allow_null}
            fields[f"{name}_usd"] = UsdField(
                source=column, help_text=f"{_sentence(whole)} US dollars, as a text.", **options
            )
            if column != f"{name}_nanousd":
                options["source"] = column
            fields[f"{name}_nanousd"] = serializers.IntegerField(
                min_value=0,
                max_value=_largest(whole),
                help_text=f"The same in nano-dollars (10⁻⁹ USD: 1 USD is {NANO_USD_PER_USD:,}).",
                **options,
            )
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Each amount is given in one form, or the same in both."""
        problems: dict[str, list[str]] = {}
        for name, column in self.amounts.items():
            usd, nano = f"{name}_usd", f"{name}_nanousd"
            given = [form for form in (usd, nano) if form in self.initial_data]
            if len(given) == 2 and self._in_nano(usd) != self._in_nano(nano):
                problems[usd] = [f"{usd} and {nano} are different amounts; send one of them."]
            if not given and not self.partial and not self._is_optional(column):
                problems[usd] = [f"Send {usd} or {nano}."]
        if problems:
            raise ValidationError(problems)
        return super().validate(attrs)

    def _in_nano(self, name: str) -> Any:
        return self.fields[name].run_validation(self.initial_data[name])

    def _is_optional(self, column: str) -> bool:
        field = self._model_field(column)
        return bool(field.null or field.has_default())


def _largest(field: Any) -> int:
    found: int | None = field.max_value
    return 2**63 - 1 if found is None else found


def _sentence(field: Any) -> str:
    text = str(field.help_text or "").strip()
    return f"{text.rstrip('.')}." if text else "The amount."
