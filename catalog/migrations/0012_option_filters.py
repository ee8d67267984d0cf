"""Write what existing products are filtered by: their variants' options and highest price.

In batches, and only where it changes something: after a stop, running it again goes on with what is left. A product
that someone changes at the same time is read again.
"""

from collections import defaultdict
from typing import Any

from bson import Decimal128
from django.db import migrations
from pymongo import UpdateOne

from catalog.models import Variant
from catalog.options import option_fields
from shop.db import documents

BATCH = 200
# Written by every change of what is read here.
VERSION = ("updated_at", "stock_flips")
WRITTEN = ("options", "option_pairs", "combinations", "price_max")


def rebuild(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.database
    products, variants = database["catalog_product"], database["catalog_variant"]
    shown = dict.fromkeys((*VERSION, *WRITTEN, "option_order", "price"), 1)
    last = None
    while batch := list(products.find({"_id": {"$gt": last}} if last else {}, shown).sort("_id").limit(BATCH)):
        last = batch[-1]["_id"]
        while batch:
            changed = _write(products, variants, batch)
            batch = list(products.find({"_id": {"$in": changed}}, shown)) if changed else []


def _write(products: Any, variants: Any, batch: list[dict[str, Any]]) -> list[Any]:
    """Write what differs; return the ids of products that may have been changed since they were read."""
    by_product = defaultdict(list)
    active = {"product_id": {"$in": [row["_id"] for row in batch]}, "is_active": True}
    for variant in sorted(variants.find(active), key=lambda variant: variant["_id"]):
        by_product[variant["product_id"]].append(documents.view(Variant, variant))
    updates = []
    for row in batch:
        found = by_product[row["_id"]]
        highest = max((variant.price for variant in found), default=None)
        fields = option_fields(row.get("option_order", []), found)
        fields["price_max"] = row["price"] if highest is None else Decimal128(highest)
        if any(row.get(name) != value for name, value in fields.items()):
            as_read = {name: {"$eq": row.get(name)} for name in ("_id", *VERSION)}
            updates.append((row["_id"], UpdateOne(as_read, {"$set": fields})))
    if not updates:
        return []
    matched = products.bulk_write([update for _, update in updates], ordered=False).matched_count
    return [] if matched == len(updates) else [pk for pk, _ in updates]


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_options")]

    operations = [migrations.RunPython(rebuild, migrations.RunPython.noop)]
