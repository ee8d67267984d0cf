"""One spelling for coupon codes, without invisible or full-width characters.

A code that another coupon has in its normal spelling is left as it is: nobody could enter it before, nor can now.
"""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations

import shop.db.fields
from shop.db import identifiers


def normalize(apps: Apps, schema_editor: Any) -> None:
    coupons = schema_editor.connection.database[apps.get_model("cart", "Coupon")._meta.db_table]
    taken = {row["code"] for row in coupons.find({}, {"code": 1})}
    for row in list(coupons.find({}, {"code": 1}).sort("_id", 1)):
        code = identifiers.upper_code(row["code"])
        if code not in taken:
            taken.add(code)
            coupons.update_one({"_id": row["_id"]}, {"$set": {"code": code}})


class Migration(migrations.Migration):
    dependencies = [("cart", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="coupon",
            name="code",
            field=shop.db.fields.UpperCodeField(
                help_text="Shoppers type it in either case.", max_length=40, unique=True
            ),
        ),
        migrations.RunPython(normalize, migrations.RunPython.noop),
    ]
