"""The storefront's part of the collection, in an order that works."""

from shop.dev.postman.steps import Elsewhere, Folder, Step

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Hafenstraße 7",
    "city": "Hamburg",
    "postal_code": "20359",
    "country": "DE",
}
DESTINATION = {"shipping_address": ADDRESS}
PERSON = {"email": "{{email}}", "password": "{{password}}", "name": "Ada Lovelace"}
IDEMPOTENT = {"Idempotency-Key": "{{$guid}}"}
TOKENS = {"access": "json.access", "refresh": "json.refresh"}
NEEDS_PAYMENT = 'json.status === "pending" && json.payment_status === "unpaid"'

PAY = (
    Step(
        "openPayment",
        "Open the payment",
        "customer",
        body={"order": "{{order}}"},
        headers=IDEMPOTENT,
        status=(201,),
        save={
            "payment": "json.id",
            "intent": "json.payment_intent",
            "client_secret": "json.client_secret",
            "publishable_key": "json.publishable_key",
        },
    ),
    Elsewhere(
        "",
        "Pay with a test card, as Stripe.js does",
        method="POST",
        address="{{stripe}}/v1/payment_intents/{{intent}}/confirm",
        form={"key": "{{publishable_key}}", "client_secret": "{{client_secret}}", "payment_method": "pm_card_visa"},
        checks=('json.status === "succeeded"',),
    ),
    Step(
        "getOrder",
        "Wait until Stripe has notified the shop",
        "customer",
        path={"number": "{{order}}"},
        until='json.payment_status === "paid"',
        save={"line": "json.lines[0].id"},
        checks=('json.status === "completed"',),
    ),
)

CATALOGUE = Folder(
    "Catalogue",
    "Products, categories and searches. No account is needed.",
    (
        Elsewhere(
            "",
            "Find Stripe's simulator in the storefront of `make run`",
            address="{{origin}}/",
            status=(200, 301, 302, 404),
            script=(
                'const found = /name="stripe-simulator" content="([^"]+)"/.exec(text);',
                'if (found) keep("stripe", found[1]);',
                "const now = Date.now().toString(36);",
                'keep("email", `ada.${now}@example.com`);',
                'keep("guest_email", `grace.${now}@example.com`);',
            ),
        ),
        Step("listCategories", "List categories", save={"category": "json[0].slug"}, checks=("json.length > 0",)),
        Step("getCategory", "A category", path={"slug": "{{category}}"}, checks=("json.product_count >= 0",)),
        Step("listCollections", "List collections", checks=("Array.isArray(json.results)",)),
        Step(
            "listProducts",
            "List products in stock with their variants",
            query={"in_stock": "true", "ordering": "price", "expand": "variants", "page_size": "20"},
            save={
                "product": "json.results.find(each => each.variants.some(one => one.in_stock)).id",
                "slug": "json.results.find(each => each.variants.some(one => one.in_stock)).slug",
                "variant": "json.results.flatMap(each => each.variants).find(one => one.in_stock).id",
            },
            checks=("json.count > 0", "json.results.every(each => each.in_stock)"),
        ),
        Step(
            "getProductFacets",
            "Count products by filter",
            query={"in_stock": "true"},
            checks=("json.count > 0", "json.categories.length > 0"),
        ),
        Step("suggestSearches", "Suggest while typing", query={"q": "mu"}, checks=("Array.isArray(json)",)),
        Step(
            "getProduct",
            "A product by its slug",
            path={"id": "{{slug}}"},
            checks=('json.id === value("product")', "json.variants.length > 0"),
        ),
        Step("listReviews", "Its reviews", path={"product_pk": "{{slug}}"}, checks=("Array.isArray(json.results)",)),
        Step("listShippingMethods", "Shipping methods", checks=("json.length > 0",)),
        Step("getPaymentConfig", "Keys for Stripe.js", checks=('json.publishable_key.startsWith("pk_test_")',)),
    ),
)
ACCOUNT = Folder(
    "Account",
    "Registration, tokens and the address book.",
    (
        Step(
            "register",
            "Register",
            body=PERSON,
            status=(201,),
            save=TOKENS,
            checks=('json.user.email === value("email")',),
        ),
        Step("getMe", "My account", "customer", checks=("json.email_verified === false",)),
        Step("updateMe", "Change my phone number", "customer", body={"phone": "+49 40 123456"}),
        Step("createAddress", "Add an address", "customer", body=ADDRESS, status=(201,), save={"address": "json.id"}),
        Step("listAddresses", "List my addresses", "customer", checks=("json.count === 1",)),
        Step("getAddress", "An address", "customer", path={"id": "{{address}}"}, checks=("json.is_default",)),
        Step(
            "updateAddress",
            "Change its second line",
            "customer",
            path={"id": "{{address}}"},
            body={"line2": "2nd floor"},
        ),
        Step("replaceAddress", "Replace it", "customer", path={"id": "{{address}}"}, body=ADDRESS),
        Step("requestEmailVerification", "Ask for a verification link", "customer", status=(202,)),
        Step("requestPasswordReset", "Ask for a reset link", body={"email": "{{email}}"}, status=(202,)),
        Step("refreshTokens", "Exchange the refresh token", body={"refresh": "{{refresh}}"}, save=TOKENS),
        Step(
            "changePassword",
            "Change the password",
            "customer",
            body={"old_password": "{{password}}", "new_password": "{{password}} too"},
            status=(204,),
        ),
        Step(
            "getMe",
            "Earlier tokens stop working",
            "customer",
            status=(401,),
            checks=('json.errors[0].code === "token_not_valid"',),
        ),
        Step("logIn", "Log in", body={"email": "{{email}}", "password": "{{password}} too"}, save=TOKENS),
        Step("exportMyData", "Download my data", "customer", checks=('json.profile.email === value("email")',)),
    ),
)
ITEM = {"variant": "{{variant}}", "quantity": 1}
CART = Folder(
    "Cart",
    "A guest's cart; its token comes with the first change and is merged at login.",
    (
        Step(
            "addCartItem", "Add an item", body={**ITEM, "quantity": 2}, status=(201,), save={"item": "json.items[0].id"}
        ),
        Step("getCart", "The cart", "guest", checks=("json.item_count === 2", "json.items.length === 1")),
        Step("updateCartItem", "Change its quantity", "guest", path={"id": "{{item}}"}, body={"quantity": 3}),
        Step("setCartItems", "Set several lines at once", "guest", body=[ITEM], checks=("json.item_count === 1",)),
        Step(
            "addCartItem",
            "More than there is",
            "guest",
            body={**ITEM, "quantity": 900_000},
            status=(409,),
            checks=('json.errors[0].code === "out_of_stock"',),
        ),
        Step(
            "applyCoupon",
            "Apply a coupon",
            "guest",
            body={"code": "WELCOME10"},
            checks=('json.coupon === "WELCOME10"',),
        ),
        Step("removeCoupon", "Remove it", "guest", checks=("json.coupon === null",)),
        Step(
            "removeCartItem", "Remove the item", "guest", path={"id": "{{item}}"}, checks=("json.items.length === 0",)
        ),
        Step("addCartItem", "Add it again", "guest", body=ITEM, status=(201,)),
        Step("clearCart", "Empty the cart", "guest", checks=("json.item_count === 0",)),
    ),
)
CHECKOUT = Folder(
    "Checkout",
    "Order, payment and cancellation with an account.",
    (
        Step("addCartItem", "Fill the cart", "customer", body={**ITEM, "quantity": 2}, status=(201,)),
        Step("quoteOrder", "Price the order", "customer", body=DESTINATION, save={"total": "json.total"}),
        Step(
            "placeOrder",
            "Order at that price",
            "customer",
            body={"address_id": "{{address}}", "expected_total": "{{total}}", "note": "Please ring twice."},
            headers=IDEMPOTENT,
            status=(201,),
            save={"order": "json.number"},
            checks=(NEEDS_PAYMENT, 'json.total === value("total")'),
        ),
        Step("listOrders", "My orders", "customer", checks=("json.count === 1",)),
        *PAY,
        Step(
            "getPayment", "The payment", "customer", path={"id": "{{payment}}"}, checks=('json.status === "succeeded"',)
        ),
        # It is issued moments later, by the worker.
        Step("downloadInvoice", "The invoice", "customer", path={"number": "{{order}}"}, status=(200, 409)),
        Step("addCartItem", "Fill the cart again", "customer", body=ITEM, status=(201,)),
        Step(
            "placeOrder", "Order again", "customer", body=DESTINATION, status=(201,), save={"cancelled": "json.number"}
        ),
        Step(
            "cancelOrder",
            "Cancel that order",
            "customer",
            path={"number": "{{cancelled}}"},
            body={"reason": "Changed my mind"},
            checks=('json.status === "cancelled"',),
        ),
    ),
)
GUEST = Folder(
    "Guest checkout",
    "An order without an account. Its token stands for the account.",
    (
        Step("addCartItem", "Fill a guest's cart", "guest", body=ITEM, status=(201,)),
        Step("quoteOrder", "Price it", "guest", body={**DESTINATION, "email": "{{guest_email}}"}),
        Step(
            "placeOrder",
            "Order as a guest",
            "guest",
            body={**DESTINATION, "email": "{{guest_email}}"},
            status=(201,),
            save={"guest_order": "json.number", "order_token": "json.token"},
        ),
        Step("getOrder", "See it with its token", "buyer", path={"number": "{{guest_order}}"}),
        Step("getOrder", "Nobody else sees it", path={"number": "{{guest_order}}"}, status=(401,)),
        Step("cancelOrder", "Cancel it", "buyer", path={"number": "{{guest_order}}"}, body={}),
        Step(
            "requestOrderLink",
            "Have a lost link mailed",
            body={"number": "{{guest_order}}", "email": "{{guest_email}}"},
            status=(202,),
        ),
    ),
)
