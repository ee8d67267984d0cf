API_DESCRIPTION = """
A headless commerce API: accounts, catalog, cart, orders and Stripe payments.

**Tokens.** `POST /auth/register/` and `/auth/login/` return an access token (15 minutes) and a refresh token (14 days).
Send `Authorization: Bearer <access>`. Exchange the refresh token for a new pair at `/auth/refresh/`. It works once:
reuse revokes the whole login.

**API keys** are for integrations: `Authorization: Api-Key <key>`, with a key that staff make in the admin. Its scopes
are permissions of staff; it never acts as a customer. `/api-keys/current/` returns them.

**Links in mails** lead to the storefront, with a `uid` and a `token` to forward: from its page `/verify-email` to
`/auth/email/verify/confirm/`, and from `/reset-password`, together with the new password, to
`/auth/password/reset/confirm/`. Each works once.

**Guests.** The first call that changes a cart returns an `X-Cart-Token` header, which the guest sends from then on.
Sent with a login or registration, it merges that cart into the account's cart. Guests order with it and an `email`; the
reply has a `token`, to be sent as `X-Order-Token` to see, pay and cancel that order, and so have the links in mails:
`/orders/NUMBER?token=…`. `/orders/lookup/` mails a lost link. An account owns the orders of its e-mail address once
that is verified.

**Money** is a decimal string in the currency's own number of decimals (`"19.99"`). Only `amount` of a payment is in
Stripe's minor units.

**Errors** always have the shape `{"type", "errors": [{"code", "detail", "attr"}]}`. `code` is for programs; `attr` is
the dotted path of the invalid input, or null. Every call may also return 405, 406 or 415 for its method or media types,
and 429 or 503 with `Retry-After`.

**Lists** have the shape `{"count", "next", "previous", "results"}` and take `page` and `page_size` (at most 100).
Rows are counted up to 10,000; if there are more, `count_exact` is false, and later pages use a cursor: follow
`next` unchanged. Pages by cursor have no `previous`.

**Search and filters.** Products must match all filters, but only one of several values of an attribute
(`attr_colour=red&attr_colour=blue`). `/products/facets/` takes the same filters and returns how many products would
match with each further filter. A search finds products that contain all its words in their names, categories,
descriptions, brands, tags, attributes, options, SKUs or barcodes. A word matches in any of its forms, the last one also
by its beginning.
If nothing matches, words without any product are replaced by similar ones with products (`hoddie` by `hoodie`), and
`corrected_query` in the reply is the search that was used: one letter may be wrong, missing, too many or exchanged with
its neighbour, in words of at least eight letters two. Words of up to three letters, and those with digits beside
them, are never replaced. New words of products are known within five minutes.

**Prices** are those of now: a scheduled sale price applies from its start until its end, in lists, details, carts and
orders; `compare_at_price` is then at least the regular price. `lowest_price_30_days` is the lowest one of the 30 days
before the current reduction. The order and the price filters of lists follow within seconds.

**Addresses.** A former slug of a product, category or collection answers 301 with today's address.

**Request ids** are returned in `X-Request-ID` and logged: quote them in error reports. A request may send its own, of 8
to 64 letters, digits, `.`, `_` and `-`.

**Caching.** Catalog responses carry an `ETag`. Send it back as `If-None-Match`: if nothing has changed, the response is
an empty 304. A change is visible to the next request.

**Bulk calls** (`/products/bulk/`, `/stock/bulk/`, `/prices/bulk/`) take a list of up to 1,000 rows and answer 200 with
one result per row, in their order; the errors of a row have the shape of `errors`.

**Idempotency.** Orders, payments, refunds and bulk calls accept an `Idempotency-Key`: a request that repeats the
key and body of an earlier one changes nothing, and returns the object of that one with `Idempotency-Replayed: true`.

**Payments.** Place the order, open its payment, let Stripe.js confirm the PaymentIntent with `client_secret` and
`publishable_key`, then wait for the order to become `completed` / `paid`: Stripe notifies the shop, the browser does
not.
""".strip()

API_TAGS = [
    {"name": "auth", "description": "Registration, login, tokens, links in mails."},
    {"name": "users", "description": "The authenticated user's account, address book and data."},
    {"name": "categories", "description": "The category tree."},
    {
        "name": "products",
        "description": "Products, readable by everyone and writable by staff; reviews by customers.",
    },
    {"name": "collections", "description": "Hand-sorted groups of products."},
    {"name": "stock", "description": "The stock of many variants, for staff."},
    {"name": "prices", "description": "The prices of many variants, for staff."},
    {"name": "variants", "description": "Prices and stock, for staff."},
    {"name": "cart", "description": "One cart per user or guest."},
    {"name": "shipping-methods", "description": "Shipping methods."},
    {"name": "orders", "description": "Place, track and cancel orders; ship them, for staff."},
    {"name": "customers", "description": "Accounts, for staff."},
    {"name": "promotions", "description": "Automatic discounts and coupons, for staff."},
    {"name": "reviews", "description": "Reviews of all products, for staff."},
    {"name": "shipping", "description": "Shipping methods with their prices, and zones, for staff."},
    {"name": "tax-rates", "description": "Tax rates, for staff."},
    {"name": "api-keys", "description": "The API key of an integration."},
    {"name": "payments", "description": "PaymentIntents and refunds."},
    {"name": "stripe", "description": "What Stripe calls. Not for clients of the shop."},
    {
        "name": "webhook-endpoints",
        "description": "Outgoing webhooks, their log and secrets, for staff and integrations.",
    },
    {"name": "changes", "description": "Changes in the order of their commits, for staff and integrations."},
]
