"""Products for tests, copied from one made by an earlier call: the catalog takes fifteen commands to create one."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.db import connection
from pymongo.errors import BulkWriteError

from catalog.models import Product, StockMovement, Variant
from catalog.services import create_product, slug_base

Documents = dict[str, list[dict[str, Any]]]

_made: dict[str, Documents] = {}


def product_of(data: dict[str, Any]) -> Product:
    """Return a new product as ``create_product`` makes it."""
    try:
        key = json.dumps([settings.CURRENCY, data])
    except TypeError:
        # It has a category, whose counts change, too.
        return create_product(data=data)
    if key in _made and connection.session is None:
        # Another product has its slug or an SKU.
        with contextlib.suppress(BulkWriteError):
            return _copy(_made[key])
    product = create_product(data=data)
    # Else the slug has a random part.
    if product.slug in (data.get("slug"), slug_base(product.name)):
        _made[key] = _documents_of(product)
    return product


def _documents_of(product: Product) -> Documents:
    database = connection.database
    products, variants, movements = (model._meta.db_table for model in (Product, Variant, StockMovement))
    made = {products: list(database[products].find({"_id": product.pk}))}
    made[variants] = list(database[variants].find({"product_id": product.pk}))
    of_variants = {"$in": [variant["_id"] for variant in made[variants]]}
    made[movements] = list(database[movements].find({"variant_id": of_variants}))
    return made


def _copy(made: Documents) -> Product:
    """Raises ``BulkWriteError``, and then leaves nothing."""
    ids = {document["_id"]: ObjectId() for documents in made.values() for document in documents}
    now = datetime.now(UTC)

    def renewed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: renewed(each) for name, each in value.items()}
        if isinstance(value, list):
            return [renewed(each) for each in value]
        return now if isinstance(value, datetime) else ids.get(value, value) if isinstance(value, ObjectId) else value

    try:
        for name, documents in made.items():
            if documents:
                connection.database[name].insert_many([renewed(document) for document in documents])
    except BulkWriteError:
        for name in made:
            connection.database[name].delete_many({"_id": {"$in": list(ids.values())}})
        raise
    return Product.objects.get(pk=ids[made[Product._meta.db_table][0]["_id"]])
