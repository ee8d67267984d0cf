// Client of the Shop API: addresses, tokens, errors, and requests that are safe to repeat.

const BASE = new URL(document.querySelector("meta[name=shop-api]").content.replace(/\/$/, ""), location.origin).href;
// Access tokens are short-lived and refresh tokens rotate. Both are in localStorage, which only this site's scripts can
// read: the Content-Security-Policy keeps other scripts out.
const STORE = "shop.";
const ONCE = "shop.once";

/** An error response: `errors` is a list of `{code, detail, attr}`, `code` the first one's. */
export class ApiError extends Error {
  constructor(status, errors, retryAfter = 0) {
    super(errors[0].detail);
    Object.assign(this, { status, errors, retryAfter, code: errors[0].code });
  }

  has(code) {
    return this.errors.some((error) => error.code === code);
  }
}

// --- What the browser keeps: `tokens` of an account, `cart` of a guest, `orders` of guests by number -------------------

const listeners = new Set();

export function onChange(listener) {
  listeners.add(listener);
}

function stored(name) {
  return JSON.parse(localStorage.getItem(STORE + name));
}

function store(name, value) {
  if (value === null) localStorage.removeItem(STORE + name);
  else localStorage.setItem(STORE + name, JSON.stringify(value));
  listeners.forEach((listener) => listener(name));
}

addEventListener("storage", ({ key }) => {
  // Another tab has changed it.
  if (key?.startsWith(STORE)) listeners.forEach((listener) => listener(key.slice(STORE.length)));
});

export const isLoggedIn = () => stored("tokens") !== null;
export const hasOrderToken = (number) => Boolean(stored("orders")?.[number]);

export function keepOrderToken(number, token) {
  store("orders", { ...stored("orders"), [number]: token });
}

// --- Requests ----------------------------------------------------------------------------------------------------------

export const get = (path, query, options) => request("GET", path, { query, ...options });
export const post = (path, body, options) => request("POST", path, { body, ...options });
export const put = (path, body) => request("PUT", path, { body });
export const patch = (path, body) => request("PATCH", path, { body });
export const remove = (path) => request("DELETE", path);

/**
 * `path` is one of the API, or an address that it gave, such as `next`. `order` is the number of the order whose token is
 * sent. `once`: send an Idempotency-Key, which is kept until the shop has accepted the request, so that repeating the
 * request after a lost reply does not carry it out twice. `as: "blob"` returns a file.
 */
async function request(method, path, { query, body, order, once = false, as = "json" } = {}) {
  const url = new URL(path.startsWith("http") ? path : BASE + path);
  if (!url.href.startsWith(`${BASE}/`)) throw new Error(`Not an address of the API: ${url}`);
  for (const [name, value] of Object.entries(query ?? {}).flatMap(eachValue)) url.searchParams.append(name, value);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const key = once && idempotencyKey(`${url} ${text}`);
  const send = () => fetchOnce(method, url, { text, key, order, accept: as === "blob" ? "*/*" : "application/json" });
  const response = await withFreshTokens(method === "GET" ? () => patiently(send) : send);
  if (!response.ok) throw await errorOf(response);
  if (once) sessionStorage.removeItem(ONCE);
  if (response.status === 204 || response.status === 202) return null;
  return as === "blob" ? response.blob() : response.json();
}

function eachValue([name, value]) {
  return [value].flat().filter((each) => each !== "" && each !== null && each !== undefined).map((each) => [name, each]);
}

async function fetchOnce(method, url, { text, key, order, accept }) {
  const path = url.href.slice(BASE.length);
  const isFirstOfCart = path.startsWith("/cart/") && method !== "GET" && !isLoggedIn() && !stored("cart");
  // One guest has one cart: another tab waits for its token.
  return isFirstOfCart ? exclusively("cart", send) : send();

  async function send() {
    const headers = { Accept: accept, ...credentialsFor(path, order) };
    if (text !== undefined) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    try {
      const response = await fetch(url, { method, headers, body: text, signal: AbortSignal.timeout(20_000) });
      const cart = response.headers.get("X-Cart-Token");
      if (cart && cart !== stored("cart")) store("cart", cart);
      return response;
    } catch {
      const detail = "The shop cannot be reached. Please try again.";
      throw new ApiError(0, [{ code: "no_connection", detail, attr: null }]);
    }
  }
}

function credentialsFor(path, order) {
  const headers = {};
  if (isLoggedIn()) headers.Authorization = `Bearer ${stored("tokens").access}`;
  // Login and register merge the guest's cart into the account's.
  if (stored("cart") && /^\/(cart|orders|auth)\//.test(path)) headers["X-Cart-Token"] = stored("cart");
  const number = order ?? /^\/orders\/([^/]+)/.exec(path)?.[1];
  if (hasOrderToken(number)) headers["X-Order-Token"] = stored("orders")[number];
  return headers;
}

/** Wait once if the shop is busy and says for how long. */
async function patiently(send) {
  const response = await send();
  const seconds = Number(response.headers.get("Retry-After"));
  if (![429, 503].includes(response.status) || !(seconds <= 5)) return response;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return send();
}

async function errorOf(response) {
  const fallback = [{ code: "error", detail: `The shop answered ${response.status}. Please try again.`, attr: null }];
  const { errors = fallback } = await response.json().catch(() => ({}));
  return new ApiError(response.status, errors, Number(response.headers.get("Retry-After")));
}

function idempotencyKey(request) {
  const kept = JSON.parse(sessionStorage.getItem(ONCE));
  if (kept?.request === request) return kept.key;
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem(ONCE, JSON.stringify({ request, key }));
  return key;
}

// --- Tokens ------------------------------------------------------------------------------------------------------------

async function withFreshTokens(send) {
  const sent = stored("tokens");
  const response = await send();
  if (response.status !== 401 || !sent) return response;
  await refresh(sent);
  return send();
}

/** A refresh token works once, and its reuse ends the login everywhere: one tab at a time refreshes for all. */
async function refresh(outdated) {
  await exclusively("refresh", async () => {
    const current = stored("tokens");
    // Another tab, or another request of this one, was faster.
    if (current?.access !== outdated.access) return;
    const response = await fetch(`${BASE}/auth/refresh/`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ refresh: current.refresh }),
    }).catch(() => ({ status: 503 }));
    if (response.ok) store("tokens", await response.json());
    else if (response.status < 500 && response.status !== 429) store("tokens", null);
  });
}

/** Run `work` in one tab at a time. Browsers have locks on https and on this machine only. */
function exclusively(name, work) {
  return navigator.locks ? navigator.locks.request(STORE + name, work) : work();
}

/** `how` is `login` or `register`. */
export async function logIn(how, credentials) {
  const { access, refresh, user } = await post(`/auth/${how}/`, credentials);
  store("cart", null);
  store("tokens", { access, refresh });
  return user;
}

export async function logOut() {
  const tokens = stored("tokens");
  if (tokens) await post("/auth/logout/", { refresh: tokens.refresh }).catch(() => null);
  store("tokens", null);
}
