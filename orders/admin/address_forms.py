from typing import Any

from django import forms
from django_countries import countries
from rest_framework.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Address
from orders.models import PostalAddress
from orders.serializers import PostalAddressSerializer, postal_address
from shop.api.serializing import validate

_LABELS = {"line1": "Address", "line2": "Address, second line", "tax_id": "Tax number"}
_REQUIRED = ("name", "line1", "country")


class AddressForm(forms.Form):
    """Validates by the rules of the API."""

    # Set if the form is valid.
    address: PostalAddress

    def __init__(self, *args: Any, address: PostalAddress | None = None, **kwargs: Any) -> None:
        known = {name: getattr(address, name, "") for name in Address.POSTAL_FIELDS}
        super().__init__(*args, **{"initial": known, "use_required_attribute": False, **kwargs})
        for name in Address.POSTAL_FIELDS:
            self.fields[name] = forms.CharField(
                required=name in _REQUIRED, label=_LABELS.get(name), max_length=200, widget=UnfoldAdminTextInputWidget
            )
        self.fields["country"] = forms.ChoiceField(
            choices=[("", ""), *countries], widget=UnfoldAdminSelectWidget, initial=known["country"]
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.address = postal_address(validate(PostalAddressSerializer, cleaned, context={}))
            except ValidationError as error:
                for name, details in dict(error.detail).items():  # type: ignore[arg-type]
                    self.add_error(name if name in self.fields else None, [str(each) for each in details])
        return cleaned
