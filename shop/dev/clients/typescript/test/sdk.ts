/** The same description in a second generator's hands: right calls compile, wrong ones do not. */
import * as sdk from "../generated/sdk/index.js";
import { client } from "../generated/sdk/client.gen.js";

const id = "6650c1f2a4b3c2d1e0f9a8b7";

export async function right(origin: string): Promise<number> {
  client.setConfig({ baseUrl: origin });
  const { data } = await sdk.listProducts({
    query: { ordering: "price", in_stock: true, page_size: 2, attributes: { attr_material: "Stoneware" } },
  });
  return data?.results.length ?? 0;
}

export async function wrong(): Promise<void> {
  // @ts-expect-error a number is no body
  await sdk.addCartItem({ body: 42 });
  // @ts-expect-error neither a product nor a variant
  await sdk.addCartItem({ body: { quantity: 1 } });
  // @ts-expect-error no body
  await sdk.addCartItem();
  // @ts-expect-error no such operation
  await sdk.cartItemsCreate({ body: { variant: id } });
  // @ts-expect-error the number is missing
  await sdk.cancelOrder({ body: { reason: "Changed my mind" } });
  // @ts-expect-error no such order of the list
  await sdk.listProducts({ query: { ordering: "cheapest" } });
  const { data } = await sdk.getMe();
  // @ts-expect-error no such field
  data?.username;
}
