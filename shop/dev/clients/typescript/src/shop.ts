/** A client of the shop: `openapi-fetch` with the shop's paths, tokens and filters. */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

const PREFIX = "/api/v1";

/** The operations by path, without the prefix: `/cart/items/`. */
export type Paths = {
  [Path in keyof paths as Path extends `${typeof PREFIX}${infer Rest}` ? Rest : never]: paths[Path];
};
export type Schemas = components["schemas"];
export type Shop = Client<Paths>;

/** What stands for the shopper. Keep it between visits. */
export interface Session {
  access?: string;
  refresh?: string;
  /** A guest's cart; set by the first reply that makes one. */
  cartToken?: string;
  /** An order that was placed without an account. */
  orderToken?: string;
}

export function createShop(origin: string, session: Session = {}): Shop {
  const shop = createClient<Paths>({ baseUrl: `${origin}${PREFIX}`, querySerializer: queryOf });
  shop.use({
    onRequest({ request }) {
      const headers: Record<string, string | undefined> = {
        Authorization: session.access && `Bearer ${session.access}`,
        "X-Cart-Token": session.cartToken,
        "X-Order-Token": session.orderToken,
      };
      for (const [name, value] of Object.entries(headers)) {
        if (value && !request.headers.has(name)) request.headers.set(name, value);
      }
      return request;
    },
    onResponse({ response }) {
      session.cartToken = response.headers.get("X-Cart-Token") ?? session.cartToken;
    },
  });
  return shop;
}

/** Exchange the refresh token for a new pair. It works once, so call it once at a time. */
export async function renew(shop: Shop, session: Session): Promise<boolean> {
  if (!session.refresh) return false;
  const { data } = await shop.POST("/auth/refresh/", { body: { refresh: session.refresh } });
  session.access = data?.access;
  session.refresh = data?.refresh;
  return data !== undefined;
}

/** Write lists as repeated parameters, and properties of objects (`attr_colour`) as parameters of their own. */
export function queryOf(query: Record<string, unknown>): string {
  const parameters = new URLSearchParams();
  const add = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (Array.isArray(value)) for (const each of value) add(name, each);
    else if (typeof value === "object") for (const [key, each] of Object.entries(value)) add(key, each);
    else parameters.append(name, String(value));
  };
  for (const [name, value] of Object.entries(query)) add(name, value);
  return parameters.toString();
}
