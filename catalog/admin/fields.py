"""Form fields of the catalogue's admin."""

from typing import Any

from django import forms

from catalog.models import Category


class CategoryChoiceField(forms.ModelChoiceField):
    """A select of the category tree, indented."""

    @classmethod
    def options(cls) -> dict[str, Any]:
        """What makes a foreign key's form field one of these."""
        return {"form_class": cls, "queryset": Category.objects.order_by("path")}

    def label_from_instance(self, category: Category) -> str:
        # Browsers drop ordinary spaces at the beginning of an option.
        return "\u2003" * category.path.count("/") + category.name
