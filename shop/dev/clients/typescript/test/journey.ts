/** A purchase from registration to return, against a running shop with the demo's data. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createShop, renew, type Schemas, type Session } from "../src/shop.js";
import { right as listBySdk } from "./sdk.js";

const origin = process.env.SHOP_URL ?? "http://127.0.0.1:8000";
const stripe = process.env.STRIPE_API_BASE ?? "";
const address = { name: "Ada Lovelace", line1: "Hafenstraße 7", city: "Hamburg", postal_code: "20359", country: "DE" } as const;

const step = (text: string): void => console.log(`ok - ${text}`);

async function eventually<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const value = await read();
    if (done(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("It took too long.");
}

function expected<T>(reply: { data?: T; error?: unknown; response: Response }): T {
  if (reply.data === undefined) throw new Error(`${reply.response.status} ${JSON.stringify(reply.error)}`);
  return reply.data;
}

const session: Session = {};
const shop = createShop(origin, session);

const found = expected(
  await shop.GET("/products/", {
    params: { query: { ordering: "price", in_stock: true, options: { opt_colour: ["Oat", "Coral"] }, expand: "variants" } },
  }),
);
assert.ok(found.count > 0 && found.results.every((product) => product.in_stock));
const product = found.results.find((each) => each.variants?.some((variant) => variant.in_stock));
const variant = product?.variants?.find((each) => each.in_stock);
assert.ok(product && variant);
assert.ok(found.results.length <= (await shop.GET("/products/")).data!.count);
step(`list with filters: ${found.count} products, ${product.name} at ${variant.price}`);
assert.ok((await listBySdk(origin)) >= 0);
step("the second generator's client lists as well");

const email = `ada.${randomUUID()}@example.com`;
const guestCart = expected(await shop.POST("/cart/items/", { body: { variant: variant.id } }));
assert.equal(guestCart.item_count, 1);
assert.ok(session.cartToken);
step("a guest's cart has a token");

const login = expected(
  await shop.POST("/auth/register/", { body: { email, password: "a long enough password", name: "Ada Lovelace" } }),
);
session.access = login.access;
session.refresh = login.refresh;
delete session.cartToken;
assert.equal(expected(await shop.GET("/users/me/")).email, email);
assert.ok(await renew(shop, session));
step("register and refresh");

const cart = expected(await shop.POST("/cart/items/", { body: { variant: variant.id, quantity: 1 } }));
assert.equal(cart.item_count, 2, "the guest's cart is merged");
const tooMany = await shop.POST("/cart/items/", { body: { variant: variant.id, quantity: 900_000 } });
assert.equal(tooMany.response.status, 409);
if (tooMany.error?.errors[0]?.code !== "out_of_stock") throw new Error("an error has the code of its operation");
step("add to the cart");

const body = { shipping_address: address, note: "Please ring twice." };
const quote = expected(await shop.POST("/orders/quote/", { body }));
const key = randomUUID();
const placed = expected(
  await shop.POST("/orders/", {
    body: { ...body, expected_total: quote.total },
    params: { header: { "Idempotency-Key": key } },
  }),
);
assert.equal(placed.total, quote.total);
step(`quote and order ${placed.number}: ${placed.total} ${placed.currency}`);

const payment = expected(await shop.POST("/payments/", { body: { order: placed.number } }));
const card = await fetch(`${stripe}/v1/payment_intents/${payment.payment_intent}/confirm`, {
  method: "POST",
  body: new URLSearchParams({
    key: payment.publishable_key,
    client_secret: payment.client_secret,
    payment_method: "pm_card_visa",
  }),
});
assert.equal(card.status, 200, await card.text());
const number = { path: { number: placed.number } };
const readOrder = async (): Promise<Schemas["Order"]> => expected(await shop.GET("/orders/{number}/", { params: number }));
const paid = await eventually(readOrder, (order) => order.payment_status === "paid");
assert.equal(paid.status, "completed");
step("pay; Stripe's webhook completes the order");

const staff = createShop(origin, await logInAsStaff());
const line = paid.lines[0];
assert.ok(line);
expected(await staff.POST("/orders/{number}/fulfil/", { params: number, body: { status: "shipped", carrier: "DHL" } }));
assert.equal((await shop.POST("/orders/{number}/cancel/", { params: number })).error?.errors[0]?.code, "order_not_cancellable");
step("staff ship it; it cannot be cancelled any more");

const requested = expected(
  await shop.POST("/orders/{number}/returns/", {
    params: number,
    body: { lines: [{ line: line.id, quantity: 1, reason: "Too small" }] },
  }),
);
const at = { path: { number: placed.number, id: requested.id } };
expected(await staff.POST("/orders/{number}/returns/{id}/approve/", { params: at, body: { answer: "Send it back." } }));
expected(
  await staff.POST("/orders/{number}/returns/{id}/receive/", {
    params: at,
    body: { lines: [{ line: line.id, restock: true }] },
  }),
);
const refunded = await eventually(
  async () => expected(await shop.GET("/orders/{number}/returns/{id}/", { params: at })),
  (each) => each.status === "refunded",
);
assert.equal(refunded.refund?.amount, requested.expected_refund);
step(`return: ${refunded.refund?.amount} refunded`);

async function logInAsStaff(): Promise<Session> {
  const reply = await shop.POST("/auth/login/", {
    body: { email: "staff@example.com", password: "staff-demo-password" },
    headers: { Authorization: null },
  });
  return { access: expected(reply).access };
}
