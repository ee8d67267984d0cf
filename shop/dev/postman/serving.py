"""The staff's part of the collection, and what customers do with an order that was shipped."""

from shop.dev.postman.shopping import ADDRESS
from shop.dev.postman.steps import Folder, Step

ORDER = {"number": "{{order}}"}
RETURN = {"number": "{{order}}", "id": "{{return}}"}
OF_REVIEW = {"product_pk": "{{product}}"}
OF_PRODUCT = {"id": "{{new_product}}"}
STAFF = {"email": "{{staff_email}}", "password": "{{staff_password}}"}
RETURNED = {"lines": [{"line": "{{line}}", "quantity": 1, "reason": "Too small"}]}

ORDERS = Folder(
    "Staff: orders",
    "Ship the order that was paid, and take a part of it back.",
    (
        Step(
            "logIn", "Log in as staff", body=STAFF, save={"staff_access": "json.access"}, checks=("json.user.is_staff",)
        ),
        Step("listOrders", "Orders of a customer", "staff", query={"email": "{{email}}"}, checks=("json.count === 2",)),
        Step(
            "updateOrder",
            "Tag the order",
            "staff",
            path=ORDER,
            body={"tags": ["gift"]},
            checks=('json.tags[0] === "gift"',),
        ),
        Step("addOrderNote", "Add an internal note", "staff", path=ORDER, body={"text": "Gift wrap."}, status=(201,)),
        Step(
            "quoteOrderCorrection",
            "Price another address",
            "staff",
            path=ORDER,
            body={"shipping_address": {**ADDRESS, "city": "Berlin", "postal_code": "10115"}},
            checks=("json.difference !== undefined",),
        ),
        Step(
            "createFulfilment",
            "Ship a first parcel",
            "staff",
            path=ORDER,
            body={
                "lines": [{"line": "{{line}}", "quantity": 1}],
                "carrier": "DHL",
                "tracking_number": "00340434161094042557",
            },
            status=(201,),
            save={"parcel": "json.id"},
        ),
        Step("fulfilOrder", "Ship the rest", "staff", path=ORDER, body={"status": "shipped", "carrier": "UPS"}),
        Step(
            "updateFulfilment",
            "The first parcel has arrived",
            "staff",
            path={**ORDER, "id": "{{parcel}}"},
            body={"delivered": True},
            checks=("json.delivered_at !== null",),
        ),
        Step(
            "createReview",
            "The customer reviews",
            "customer",
            path=OF_REVIEW,
            body={"rating": 5, "title": "Good"},
            status=(201,),
            save={"review": "json.id"},
        ),
        Step(
            "updateReview", "Change the review", "customer", path={**OF_REVIEW, "id": "{{review}}"}, body={"rating": 4}
        ),
        Step("deleteReview", "Delete the review", "customer", path={**OF_REVIEW, "id": "{{review}}"}, status=(204,)),
        Step(
            "previewReturn",
            "Preview a return",
            "customer",
            path=ORDER,
            body=RETURNED,
            checks=("Number(json.expected_refund) > 0",),
        ),
        Step(
            "requestReturn",
            "Request it",
            "customer",
            path=ORDER,
            body=RETURNED,
            status=(201,),
            save={"return": "json.id"},
        ),
        Step("listReturns", "Returns of the order", "customer", path=ORDER, checks=("json.length === 1",)),
        Step("rejectReturn", "Staff reject it", "staff", path=RETURN, body={"answer": "Please send a picture."}),
        Step(
            "requestReturn",
            "Request it again",
            "customer",
            path=ORDER,
            body=RETURNED,
            status=(201,),
            save={"return": "json.id"},
        ),
        Step("approveReturn", "Staff approve it", "staff", path=RETURN, body={"answer": "Send it back."}),
        Step(
            "receiveReturn",
            "Staff receive and refund it",
            "staff",
            path=RETURN,
            body={"lines": [{"line": "{{line}}", "restock": True}]},
        ),
        Step(
            "getReturn",
            "Wait for the refund",
            "customer",
            path=RETURN,
            until='json.status === "refunded"',
            checks=("Number(json.refund.amount) > 0",),
        ),
        Step(
            "refundPayment",
            "Refund one more unit of money",
            "staff",
            path={"id": "{{payment}}"},
            body={"amount": "1.00", "reason": "Late"},
            headers={"Idempotency-Key": "{{$guid}}"},
            status=(201,),
        ),
    ),
)
CATALOGUE = Folder(
    "Staff: catalogue",
    "Create, change and delete a product.",
    (
        Step(
            "createProduct",
            "Create a product",
            "staff",
            body={
                "name": "Travel mug",
                "description": "Keeps tea hot.",
                "attributes": {"material": "Steel"},
                "variants": [
                    {"sku": "T-{{$guid}}", "price": "24.00", "stock": 5, "options": {"colour": "Blue"}},
                    {"sku": "T-{{$guid}}", "price": "26.00", "stock": 5, "options": {"colour": "Red"}},
                ],
            },
            status=(201,),
            save={"new_product": "json.id", "new_variant": "json.variants[0].id"},
        ),
        Step(
            "updateProduct",
            "Change its description",
            "staff",
            path=OF_PRODUCT,
            body={"description": "Keeps tea hot for hours."},
        ),
        Step(
            "replaceProduct", "Replace the product", "staff", path=OF_PRODUCT, body={"name": "Travel mug, 2nd edition"}
        ),
        Step(
            "updateVariant",
            "Change a price",
            "staff",
            path={"id": "{{new_variant}}"},
            body={"price": "23.00"},
            checks=('json.price.startsWith("23")',),
        ),
        Step(
            "changeStock",
            "Count the stock",
            "staff",
            path={"id": "{{new_variant}}"},
            body={"set": 9, "reason": "Counted"},
            checks=("json.stock === 9",),
        ),
        Step("createProduct", "A customer may not", "customer", body={"name": "Mug", "price": "5.00"}, status=(403,)),
        Step("deleteProduct", "Delete it", "staff", path=OF_PRODUCT, status=(204,)),
    ),
)
GOODBYE = Folder(
    "Goodbye",
    "Log out, and delete the account.",
    (
        Step("logOut", "Log out", body={"refresh": "{{refresh}}"}, status=(204,)),
        Step(
            "logIn",
            "Log in again",
            body={"email": "{{email}}", "password": "{{password}} too"},
            save={"access": "json.access"},
        ),
        Step("logOutEverywhere", "Log out everywhere", "customer", status=(204,)),
        Step(
            "logIn",
            "Log in to leave",
            body={"email": "{{email}}", "password": "{{password}} too"},
            save={"access": "json.access"},
        ),
        Step("deleteMe", "Delete the account", "customer", status=(204,)),
        Step("getMe", "It is gone", "customer", status=(401,)),
    ),
)
