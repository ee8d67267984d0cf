from bson import ObjectId
from django.core.exceptions import ValidationError

RESERVED_SLUGS = frozenset({"bulk", "facets", "suggest"})


def is_reserved(slug: str) -> bool:
    """Return whether a URL with this slug would match another route or an id."""
    return slug in RESERVED_SLUGS or ObjectId.is_valid(slug)


def validate_slug_not_reserved(slug: str) -> None:
    if is_reserved(slug):
        raise ValidationError("This slug is reserved.", code="reserved_slug")
