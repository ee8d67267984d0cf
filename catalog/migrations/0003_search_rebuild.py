"""Rebuild what existing products are found and sorted by: compounds, scripts without spaces, SKUs and attributes.

In batches, and only where it changes something: after a stop, running it again goes on with what is left. A product
that someone changes at the same time is read again.
"""

from collections import defaultdict
from typing import Any

from django.db import migrations
from pymongo import UpdateOne

from catalog import search_terms
from catalog.read_model import searched_values

BATCH = 200
# A change of any of these makes what was computed from them outdated.
READ = ("name", "description", "category_name", "attributes", "updated_at")
WRITTEN = ("sort_name", "search_words", "search_beginnings")


def rebuild(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection.database
    products, variants = database["catalog_product"], database["catalog_variant"]
    last = None
    while batch := list(
        products.find({"_id": {"$gt": last}} if last else {}, dict.fromkeys((*READ, *WRITTEN), 1))
        .sort("_id")
        .limit(BATCH)
    ):
        last = batch[-1]["_id"]
        while batch:
            changed = _write(products, variants, batch)
            batch = list(products.find({"_id": {"$in": changed}}, dict.fromkeys((*READ, *WRITTEN), 1)))


def _write(products: Any, variants: Any, batch: list[dict[str, Any]]) -> list[Any]:
    """Write what differs; return the ids of products that may have been changed since they were read."""
    by_product = defaultdict(list)
    active = {"product_id": {"$in": [row["_id"] for row in batch]}, "is_active": True}
    for variant in variants.find(active, {"product_id": 1, "sku": 1, "options": 1}).sort("_id"):
        by_product[variant["product_id"]].append(variant)
    updates = []
    for row in batch:
        fields = _fields(row, by_product[row["_id"]])
        if any(row.get(name) != value for name, value in fields.items()):
            as_read = {name: {"$eq": row[name]} for name in ("_id", "category_name", "updated_at")}
            updates.append((row["_id"], UpdateOne(as_read, {"$set": fields})))
    if not updates or products.bulk_write([update for _, update in updates], ordered=False).matched_count == len(
        updates
    ):
        return []
    return [pk for pk, _ in updates]


def _fields(row: dict[str, Any], variants: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sort_name": search_terms.sort_name(row["name"]),
        **search_terms.product_fields(
            name=row["name"],
            description=row["description"],
            category=row["category_name"],
            values=searched_values(row["attributes"], [variant["options"] for variant in variants]),
            skus=[variant["sku"] for variant in variants],
        ),
    }


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_normalized_identifiers")]

    operations = [migrations.RunPython(rebuild, migrations.RunPython.noop)]
