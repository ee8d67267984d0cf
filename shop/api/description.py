"""Description and tags of the OpenAPI document."""

API_DESCRIPTION = """
A headless commerce API: accounts, catalogue, cart, orders and Stripe payments.

**Tokens.** `POST /auth/register/` and `/auth/login/` answer with an access token (15 minutes) and a refresh token
(14 days). Send `Authorization: Bearer <access>`; trade the refresh token at `/auth/refresh/` for a new pair, once: a
refresh token that is used a second time ends the whole login.

**Links in mails** lead to the storefront, with a `uid` and a `token` that it sends on: to
`/auth/email/verify/confirm/` from its page `/verify-email`, and to `/auth/password/reset/confirm/`, together with the
new password, from `/reset-password`. Each works once.

**Guests.** The first call that changes a cart answers with an `X-Cart-Token` header. A guest sends it from then on;
sent along with a login or registration, it merges that cart into the account's.

**Money** is a decimal string in the currency's own number of decimals (`"19.99"`). Only `amount` of a payment is in
Stripe's minor units.

**Errors** have one shape, whatever goes wrong: `{"type", "errors": [{"code", "detail", "attr"}]}`. Programs go by
`code`; `attr` is the dotted path of the input it is about, or null. Every call may also answer 405, 406, 415 (the
request itself), 429 and 503 (both with `Retry-After`).

**Lists** are `{"count", "next", "previous", "results"}`, by `page` and `page_size` (at most 100). Of products, counting
stops at 10,000 (`count_exact` is then false) and `next` goes on by cursor: follow it as it is.

**Finding.** Filters of products narrow each other; several values of one attribute (`attr_colour=red&attr_colour=blue`)
mean any of them. `/products/facets/` takes the same filters and tells how many products each further one would leave.
A search wants all of its words, in any of their forms, and is content with the beginning of the last. It reads names,
categories, descriptions, attributes, options and SKUs.

**A request's id** comes back in `X-Request-ID`, and stands in the shop's log: name it when something goes wrong. One
that is sent along, of 8 to 64 letters, digits, `.`, `_` and `-`, is taken over.

**Caching.** Replies about the catalogue carry an `ETag`. Send it back as `If-None-Match`: while the reply would be the
same, the answer is 304 and empty. A change is seen by the next request.

**Once.** Orders, payments and refunds take an `Idempotency-Key`: the same key with the same body answers with the same
object, made once, and `Idempotency-Replayed: true`.

**Paying.** Place the order, open its payment, let Stripe.js confirm the PaymentIntent with `client_secret` and
`publishable_key`, then wait for the order to become `completed` / `paid`: Stripe tells the shop, not the browser.
""".strip()

API_TAGS = [
    {"name": "auth", "description": "Registration, login, tokens, and what is done by mail."},
    {"name": "users", "description": "One's own account, address book and data."},
    {"name": "categories", "description": "The category tree."},
    {
        "name": "products",
        "description": "What is for sale, for everybody to read and staff to write; and what buyers say of it.",
    },
    {"name": "variants", "description": "Prices and stock, for staff."},
    {"name": "cart", "description": "One cart per user, or per guest."},
    {"name": "shipping-methods", "description": "The ways to send a parcel."},
    {"name": "orders", "description": "Placing, following and cancelling orders; shipping them, for staff."},
    {"name": "payments", "description": "PaymentIntents, Stripe's webhook, refunds."},
]
