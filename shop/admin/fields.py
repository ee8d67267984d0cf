from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import Field
from django.utils import timezone
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from shop import money
from shop.db.fields import normalized_tags


class LinesWidget(UnfoldAdminTextareaWidget):
    """Converts the browser's CRLF to LF."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str | None:
        text = super().value_from_datadict(data, files, name)
        return text.replace("\r\n", "\n") if text else text


class MoneyFormField(forms.DecimalField):
    """An amount (default: in the shop's currency)."""

    widget = UnfoldAdminDecimalFieldWidget

    def __init__(self, *, currency: str = "", **kwargs: Any) -> None:
        self.currency = currency or settings.CURRENCY
        kwargs = {"min_value": Decimal(0), "max_value": settings.MAX_PRICE, **kwargs}
        kwargs.update(max_digits=14, decimal_places=money.decimal_places(self.currency))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return money.display(value, self.currency) if isinstance(value, Decimal) else value

    def validate(self, value: Any) -> None:
        super().validate(value)
        step = money.smallest_step(self.currency)
        if value is not None and value % step:
            raise ValidationError(
                f"Must be a multiple of {step}, the smallest amount that can be charged.", code="step"
            )


class MoneyFieldsMixin(BaseModelAdmin):
    money_fields: tuple[str, ...] = ()

    def formfield_for_dbfield(self, db_field: Field, request: Any, **kwargs: Any) -> forms.Field | None:
        if db_field.name not in self.money_fields:
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return MoneyFormField(
            required=not db_field.blank,
            label=kwargs.get("label") or str(db_field.verbose_name).capitalize(),
            help_text=kwargs.get("help_text") or db_field.help_text,
            initial=db_field.default if db_field.has_default() else None,
        )


class MomentWidget(UnfoldAdminTextInputWidget):
    """A date and time in one input, in the shop's time zone."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        return (timezone.localtime(value) if timezone.is_aware(value) else value).strftime("%Y-%m-%dT%H:%M")


class TagsField(forms.Field):
    """Texts separated by commas; cleans to a list."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        return normalized_tags((value or "").split(","))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != self.to_python(self.prepare_value(initial))


class PairsField(forms.Field):
    """One pair per line (``size: M``); cleans to a dict."""

    def __init__(self, *, rows: int, placeholder: str, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "placeholder": placeholder})
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for line in (value or "").splitlines():
            if not line.strip():
                continue
            name, colon, text = (part.strip() for part in line.partition(":"))
            if not (name and colon and text):
                raise ValidationError("Enter one “name: value” per line, such as “size: M”.", code="invalid")
            if name in pairs:
                raise ValidationError(f"“{name}” is entered twice.", code="twice")
            pairs[name] = text
        return pairs

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != (initial or {})
        except ValidationError:
            return True
