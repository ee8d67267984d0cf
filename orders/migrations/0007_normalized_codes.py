"""Codes of shipping methods in small letters, in the orders as well."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations

import orders.models
import shop.db.fields
from shop.db import identifiers


def normalize(apps: Apps, schema_editor: Any) -> None:
    database = schema_editor.connection.database
    methods = database[apps.get_model("orders", "ShippingMethod")._meta.db_table]
    placed = database[apps.get_model("orders", "Order")._meta.db_table]
    taken = {row["code"] for row in methods.find({}, {"code": 1})}
    for row in list(methods.find({}, {"code": 1}).sort("_id", 1)):
        code = identifiers.slug(row["code"])
        if code == row["code"]:
            continue
        if code in taken:
            code = f"{code}-{str(row['_id'])[-8:]}"
        taken.add(code)
        # The orders first: run again, the method still says which they are.
        placed.update_many({"shipping_method": row["code"]}, {"$set": {"shipping_method": code}})
        methods.update_one({"_id": row["_id"]}, {"$set": {"code": code}})


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_shipping_method_pickup")]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="number",
            field=shop.db.fields.UpperCodeField(
                default=orders.models.new_order_number, editable=False, max_length=16, unique=True
            ),
        ),
        migrations.AlterField(
            model_name="shippingmethod",
            name="code",
            field=shop.db.fields.LowerSlugField(max_length=40, unique=True),
        ),
        migrations.RunPython(normalize, migrations.RunPython.noop),
    ]
