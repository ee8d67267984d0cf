import re
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from catalog.attributes import ATTRIBUTE_NAME
from catalog.listing.orderings import HAND_SORTED, ORDERINGS, RELEVANCE
from catalog.tags import LONGEST_TAG
from shop.api.fields import CodeField, LowerCodeField, LowerSlugField, TimeField
from shop.api.query import QueryBooleanField, RepeatedField
from shop.db.money_fields import MoneyField

VARIANTS = "variants"
# Values of `status`, with those of `is_active`.
ACTIVE = "active"
STATUSES: dict[str, Any] = {ACTIVE: True, "draft": False, "all": {"$in": [True, False]}}
# Each needs another aggregation of the facets.
MAX_NAMED_FILTERS = 10
MAX_VALUES = 50
NAMED_FILTER = re.compile(rf"(attr|opt)_({ATTRIBUTE_NAME})\Z")
NAMED_KINDS = {"attr": "attribute", "opt": "option"}


class ProductFiltersSerializer(serializers.Serializer):
    category = RepeatedField(
        child=LowerSlugField(max_length=140),
        most=MAX_VALUES,
        required=False,
        help_text="A slug; includes products of its descendants. Repeat it to match any of several categories.",
    )
    brand = RepeatedField(
        child=serializers.CharField(max_length=100),
        most=MAX_VALUES,
        required=False,
        help_text="A brand as written, or its slug. Repeat it to match any of several brands.",
    )
    tag = RepeatedField(
        child=LowerCodeField(max_length=LONGEST_TAG),
        most=MAX_VALUES,
        required=False,
        help_text="Repeat it to match any of several tags.",
    )
    sku = RepeatedField(
        child=CodeField(max_length=64),
        most=MAX_VALUES,
        required=False,
        help_text="Products with this variant, whatever the case of the SKU. Repeat it to match any of several SKUs.",
    )
    updated_since = TimeField(
        required=False,
        help_text="Products whose item changed then or later: also because they sold out or came back, a sale began or "
        "ended, a review was written or their category was renamed. To poll, start a minute before the latest "
        "`updated_at` that you have: a change may take so long to become visible. Products that are deleted or "
        "unpublished are not listed.",
    )
    collection = LowerSlugField(max_length=140, required=False, help_text="A slug.")
    min_price = MoneyField(required=False)
    max_price = MoneyField(required=False)
    in_stock = QueryBooleanField(required=False)
    opt_in_stock = QueryBooleanField(
        required=False, help_text="`true`: only variants that are in stock count, here and in `opt_NAME`."
    )
    search = serializers.CharField(
        required=False,
        max_length=200,
        allow_blank=True,
        help_text="Words of name, brand, category, tags, description, attributes and options; SKUs and barcodes. All "
        "words must match in any of their forms, the last one also by its beginning. Only letters and digits count: "
        "`t-shirt`, `tshirt` and `T shirt` are equal, as are `o` and `ø`. Common English words (`the`) are ignored, "
        "except in such a compound or without other words. Chinese, Japanese, Thai, Lao, Khmer and Burmese words match "
        "anywhere in a text. If nothing matches, typing errors are corrected, see `corrected_query`.",
    )


class ProductQuerySerializer(ProductFiltersSerializer):
    ordering = serializers.ChoiceField(
        choices=[*ORDERINGS, RELEVANCE, HAND_SORTED],
        required=False,
        help_text="`relevance` requires a `search` and ranks only the newest 10,000 matches; `collection` is the order "
        "of a `collection`, for which it is the default, and lists only its first 10,000. Without one, the default is "
        "`newest`.",
    )
    status = serializers.ChoiceField(
        choices=list(STATUSES),
        required=False,
        help_text="`draft`: products that are not active; `all`: both. For staff and API keys that may see or change "
        "products; others get only active ones, and 403 for this.",
    )
    expand = serializers.ChoiceField(
        choices=[VARIANTS], required=False, help_text="`variants` adds the variants to each product."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("ordering", HAND_SORTED if attrs.get("collection") else "newest")
        if attrs["ordering"] == HAND_SORTED and not attrs.get("collection"):
            raise serializers.ValidationError({"ordering": "Requires a collection."}, code="collection_required")
        if attrs["ordering"] == RELEVANCE and not attrs.get("search"):
            raise serializers.ValidationError({"ordering": "Relevance requires a search."}, code="search_required")
        return attrs


def _named_parameters(kind: str, *, description: str) -> OpenApiParameter:
    """Describe any number of parameters such as `attr_NAME`."""
    value = {"type": "string", "maxLength": 200, "pattern": "^[^\u0000]*$"}
    return OpenApiParameter(
        f"{NAMED_KINDS[kind]}s",
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{kind}_{ATTRIBUTE_NAME}$"},
            "additionalProperties": {"anyOf": [value, {"type": "array", "items": value, "maxItems": MAX_VALUES}]},
            "maxProperties": MAX_NAMED_FILTERS,
            # Swagger UI would submit a generated example, which matches no product.
            "default": {},
        },
        style="form",
        explode=True,
        description=f"{description} At most {MAX_NAMED_FILTERS} attributes and options with {MAX_VALUES} values each. "
        f"An object whose properties are sent as parameters of their own; `{NAMED_KINDS[kind]}s` itself is not sent.",
    )


NAMED_PARAMETERS = (
    _named_parameters(
        "attr",
        description="Products whose attribute has this value in any case, e.g. `attr_colour=red`. Repeat the parameter "
        "to match any of several values: `attr_colour=red&attr_colour=blue`.",
    ),
    _named_parameters(
        "opt",
        description="Products with a variant whose option has this value in any case, e.g. `opt_size=M`. Repeat the "
        "parameter to match any of several values. Different options must be those of one variant: "
        "`opt_size=M&opt_colour=red`.",
    ),
)


def kind_of(name: str) -> str:
    """Return "attribute" for `attr_colour`, "option" for `opt_size`; other names unchanged."""
    match = NAMED_FILTER.match(name)
    return NAMED_KINDS[match[1]] if match else name
