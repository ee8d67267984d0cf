"""Description and tags of the OpenAPI document."""

API_DESCRIPTION = """
A headless commerce API: accounts, catalog, cart, orders and Stripe payments.

**Tokens.** `POST /auth/register/` and `/auth/login/` return an access token (15 minutes) and a refresh token (14 days).
Send `Authorization: Bearer <access>`. Exchange the refresh token for a new pair at `/auth/refresh/`. It works once:
reuse revokes the whole login.

**Links in mails** lead to the storefront, with a `uid` and a `token` to forward: from its page `/verify-email` to
`/auth/email/verify/confirm/`, and from `/reset-password`, together with the new password, to
`/auth/password/reset/confirm/`. Each works once.

**Guests.** The first call that changes a cart returns an `X-Cart-Token` header, which the guest sends from then on.
Sent along with a login or registration, it merges that cart into the account's.

**Money** is a decimal string in the currency's own number of decimals (`"19.99"`). Only `amount` of a payment is in
Stripe's minor units.

**Errors** always have the shape `{"type", "errors": [{"code", "detail", "attr"}]}`. `code` is for programs; `attr` is
the dotted path of the invalid input, or null. Every call may also return 405, 406, 415 (the request itself), 429 and
503 (both with `Retry-After`).

**Lists** are `{"count", "next", "previous", "results"}`, by `page` and `page_size` (at most 100). Products are counted
up to 10,000 (`count_exact` is false beyond that), and `next` then uses a cursor: follow it unchanged.

**Search and filters.** Filters of products narrow each other; several values of one attribute
(`attr_colour=red&attr_colour=blue`) match any of them. `/products/facets/` takes the same filters and returns how many
products each further filter would leave. Products must match all words of a search in any of their forms, the last one
also by its beginning, in their names, categories, descriptions, attributes, options or SKUs.

**Request ids** are returned in `X-Request-ID` and logged: quote them in error reports. A request may send its own, of 8
to 64 letters, digits, `.`, `_` and `-`.

**Caching.** Catalog responses carry an `ETag`. Send it back as `If-None-Match`: if nothing has changed, the response is
an empty 304. A change is visible to the next request.

**Idempotency.** Orders, payments and refunds accept an `Idempotency-Key`: the same key with the same body returns the
same object, created once, and `Idempotency-Replayed: true`.

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
    {"name": "variants", "description": "Prices and stock, for staff."},
    {"name": "cart", "description": "One cart per user or guest."},
    {"name": "shipping-methods", "description": "Shipping methods."},
    {"name": "orders", "description": "Place, track and cancel orders; ship them, for staff."},
    {"name": "payments", "description": "PaymentIntents, the Stripe webhook, refunds."},
]
