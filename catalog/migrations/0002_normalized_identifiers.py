"""One spelling for SKUs, slugs and attributes; uniqueness of SKUs whatever their case.

Nothing is merged or lost. Of two SKUs that differ in their case only both stay, and `manage.py audit` names them; of two
that differ in invisible characters only, the younger one gets a suffix, and so do slugs that become the same. Former
prices that are not above the price are removed. Running it again changes nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from pymongo import UpdateOne
from pymongo.collection import Collection

import catalog.models
import shop.db.fields
from shop.db import identifiers
from shop.db.fields import distinct_key

AT_ONCE = 1000
Row = dict[str, Any]


def normalize(apps: Apps, schema_editor: Any) -> None:
    database = schema_editor.connection.database
    categories, products, variants = (
        database[apps.get_model("catalog", name)._meta.db_table] for name in ("Category", "Product", "Variant")
    )
    _normalize_slugs(categories)
    _normalize_slugs(products)
    _write_paths(categories, products)
    _normalize_skus(variants)
    _write(products, _pairs, "attributes", "attribute_pairs")
    products.update_many(
        {"compare_at_price": {"$ne": None}, "$expr": {"$lte": ["$compare_at_price", "$price"]}},
        {"$set": {"compare_at_price": None}},
    )


def _normalize_slugs(collection: Collection) -> None:
    taken = {row["slug"] for row in collection.find({}, {"slug": 1})}

    def change(row: Row) -> Row:
        slug = identifiers.slug(row["slug"])
        if slug == row["slug"]:
            return {}
        if slug in taken:
            slug = _with_suffix(slug, row)
        taken.add(slug)
        return {"slug": slug}

    _write(collection, change, "slug")


def _write_paths(categories: Collection, products: Collection) -> None:
    rows = {row["_id"]: row for row in categories.find({}, {"slug": 1, "lineage": 1, "path": 1})}
    for pk, row in rows.items():
        path = "/".join(rows[each]["slug"] for each in row["lineage"] if each in rows)
        if path != row["path"]:
            categories.update_one({"_id": pk}, {"$set": {"path": path}})
            products.update_many({"category_id": pk}, {"$set": {"category_slug": row["slug"]}})


def _normalize_skus(variants: Collection) -> None:
    skus = {row["sku"] for row in variants.find({}, {"sku": 1})}
    keys: set[str] = set()

    def change(row: Row) -> Row:
        sku = identifiers.code(row["sku"])
        if sku != row["sku"] and sku in skus:
            sku = _with_suffix(sku, row)
        skus.add(sku)
        key = identifiers.key(sku)
        if key in keys:
            key = distinct_key(key, row["_id"])
        keys.add(key)
        return {name: value for name, value in {"sku": sku, "sku_key": key}.items() if row.get(name) != value}

    _write(variants, change, "sku", "sku_key")


def _pairs(row: Row) -> Row:
    pairs = sorted(f"{name}={identifiers.key(value)}" for name, value in row["attributes"].items())
    return {"attribute_pairs": pairs} if pairs != row["attribute_pairs"] else {}


def _with_suffix(text: str, row: Row) -> str:
    return f"{text}-{str(row['_id'])[-8:]}"


def _write(collection: Collection, change: Callable[[Row], Row], *fields: str) -> None:
    """Write what ``change`` returns for each row, the oldest first."""
    for rows in _portions(collection, *fields):
        updates = [UpdateOne({"_id": row["_id"]}, {"$set": changes}) for row in rows if (changes := change(row))]
        if updates:
            collection.bulk_write(updates)


def _portions(collection: Collection, *fields: str) -> Iterator[list[Row]]:
    beyond: Row = {}
    while rows := list(collection.find(beyond, dict.fromkeys(fields, 1)).sort("_id", 1).limit(AT_ONCE)):
        yield rows
        beyond = {"_id": {"$gt": rows[-1]["_id"]}}


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="category",
            name="slug",
            field=shop.db.fields.LowerSlugField(max_length=140, unique=True),
        ),
        migrations.AlterField(
            model_name="product",
            name="slug",
            field=shop.db.fields.LowerSlugField(
                max_length=220, unique=True, validators=[catalog.models.validate_slug_not_reserved]
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="attributes",
            field=shop.db.fields.LabelsField(blank=True, default=dict, validators=[catalog.models.validate_attributes]),
        ),
        migrations.AlterField(
            model_name="variant",
            name="options",
            field=shop.db.fields.LabelsField(blank=True, default=dict, validators=[catalog.models.validate_attributes]),
        ),
        migrations.AlterField(
            model_name="variant",
            name="sku",
            field=shop.db.fields.CodeField(max_length=64, unique=True, verbose_name="SKU"),
        ),
        migrations.AddField(model_name="variant", name="sku_key", field=shop.db.fields.KeyField(of="sku")),
        migrations.RunPython(normalize, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="variant", name="sku_key", field=shop.db.fields.KeyField(of="sku", unique=True)
        ),
        migrations.AddIndex(model_name="variant", index=models.Index(fields=["sku_key"], name="variant_sku_key")),
    ]
