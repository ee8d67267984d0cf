/** Mistakes that the compiler must find: each line below `@ts-expect-error` is one, and tsc fails if it compiles. */
import { createShop, type Schemas } from "../src/shop.js";

const shop = createShop("http://127.0.0.1:8000");
const id = "6650c1f2a4b3c2d1e0f9a8b7";

export async function mistakes(): Promise<void> {
  // Bodies
  // @ts-expect-error a number is no body
  await shop.POST("/cart/items/", { body: 42 });
  // @ts-expect-error neither a product nor a variant
  await shop.POST("/cart/items/", { body: { quantity: 1 } });
  // @ts-expect-error no body
  await shop.POST("/cart/items/");
  // @ts-expect-error a quantity is a number
  await shop.POST("/cart/items/", { body: { variant: id, quantity: "2" } });
  // @ts-expect-error a list of lines
  await shop.PUT("/cart/items/", { body: { variant: id, quantity: 2 } });
  // @ts-expect-error the name is missing
  await shop.POST("/auth/register/", { body: { email: "ada@example.com", password: "correct horse" } });
  // @ts-expect-error an address or the id of one, not both
  await shop.POST("/orders/", { body: { address_id: id, shipping_address: { name: "A", line1: "1", country: "GB" } } });
  // @ts-expect-error no destination
  await shop.POST("/orders/", { body: { note: "Ring twice." } });
  // @ts-expect-error no such country
  await shop.POST("/orders/", { body: { shipping_address: { name: "A", line1: "1", country: "XX" } } });
  // @ts-expect-error by delta or to a number, not both
  await shop.POST("/variants/{id}/stock/", { params: { path: { id } }, body: { delta: 1, set: 1, reason: "x" } });
  // @ts-expect-error no such status
  await shop.POST("/orders/{number}/fulfil/", { params: { path: { number: "A" } }, body: { status: "lost" } });
  // @ts-expect-error an amount, or lines
  await shop.POST("/payments/{id}/refunds/", { params: { path: { id } }, body: { amount: "1", shipping: true } });

  // Paths, methods and parameters
  // @ts-expect-error no such path
  await shop.GET("/carts/");
  // @ts-expect-error no such method
  await shop.DELETE("/products/");
  // @ts-expect-error the number is missing
  await shop.GET("/orders/{number}/");
  // @ts-expect-error no such order of the list
  await shop.GET("/products/", { params: { query: { ordering: "cheapest" } } });
  // @ts-expect-error no such filter
  await shop.GET("/products/", { params: { query: { colour: "red" } } });
  // @ts-expect-error a page is a number
  await shop.GET("/products/", { params: { query: { page: "two" } } });
  // @ts-expect-error Stripe signs it
  await shop.POST("/payments/webhook/", { body: {} });

  // Replies
  const { data, error } = await shop.POST("/cart/items/", { body: { variant: id } });
  // @ts-expect-error may be missing, if the call failed
  data.items;
  // @ts-expect-error no such field
  data?.price;
  // @ts-expect-error money is text
  const total: number | undefined = data?.total;
  // @ts-expect-error no code of this operation
  if (error?.errors[0]?.code === "order_not_cancellable") return;
  const order = {} as Schemas["Order"];
  // @ts-expect-error no such status
  if (order.payment_status === "payed") return;
  // @ts-expect-error null without a payment
  const payment: string = order.payment;
  void [total, payment];
}
