// Routes, and the change from page to page without loading the site again.
import { ApiError, isLoggedIn } from "./api.js";
import { html, show } from "./dom.js";

const main = document.getElementById("main");

// Each page exports functions that take `(main, parameters, query)`, fill `main` and return the title.
const ROUTES = [
  ["/", () => import("./pages/home.js"), "home"],
  ["/categories/:slug", () => import("./pages/listing.js"), "category"],
  ["/collections/:slug", () => import("./pages/listing.js"), "collection"],
  ["/search", () => import("./pages/listing.js"), "search"],
  ["/products/:slug", () => import("./pages/product.js"), "product"],
  ["/cart", () => import("./pages/cart.js"), "cart"],
  ["/checkout", () => import("./pages/checkout.js"), "checkout"],
  ["/orders", () => import("./pages/login.js"), "findOrder"],
  ["/orders/:number", () => import("./pages/order.js"), "order"],
  ["/orders/:number/pay", () => import("./pages/payment.js"), "pay"],
  ["/orders/:number/return", () => import("./pages/returns.js"), "returnItems"],
  ["/account", () => import("./pages/account.js"), "orders"],
  ["/account/addresses", () => import("./pages/account.js"), "addresses"],
  ["/account/profile", () => import("./pages/account.js"), "profile"],
  ["/login", () => import("./pages/login.js"), "login"],
  ["/register", () => import("./pages/login.js"), "register"],
  // Links in mails lead to these, and to orders.
  ["/forgot-password", () => import("./pages/login.js"), "forgotPassword"],
  ["/reset-password", () => import("./pages/login.js"), "resetPassword"],
  ["/verify-email", () => import("./pages/login.js"), "verifyEmail"],
  ["/change-email", () => import("./pages/login.js"), "changeEmail"],
].map(([path, load, name]) => ({ pattern: new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}/?$`), load, name }));

let visit = 0;

/** Go to an address of this site. `replace` leaves none to go back to; `stay` keeps the place on the page. */
export function go(address, { replace = false, stay = false } = {}) {
  history.replaceState({ ...history.state, scrolled: scrollY }, "");
  history[replace ? "replaceState" : "pushState"](stay ? { scrolled: scrollY } : null, "", address);
  return open({ stay });
}

async function open({ stay = false } = {}) {
  const mine = ++visit;
  const { pathname, searchParams } = new URL(location.href);
  const found = ROUTES.map((route) => [route, route.pattern.exec(pathname)]).find(([, match]) => match);
  document.body.classList.add("loading");
  // A page that loads for long must not fill the place of a later one.
  const place = document.createElement("div");
  place.className = "page";
  let title;
  try {
    if (!found) throw new ApiError(404, [{ code: "not_found", detail: "Not found." }]);
    if (pathname.startsWith("/account") && !isLoggedIn()) throw new ApiError(401, [{ detail: "Please log in." }]);
    const [route, { groups = {} }] = found;
    const page = await route.load();
    const parameters = Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
    title = await page[route.name](place, parameters, searchParams);
  } catch (error) {
    if (mine !== visit) return;
    if (error instanceof ApiError && error.status === 401 && !isLoggedIn()) {
      go(`/login?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
      return;
    }
    title = showFailure(place, error);
  }
  if (mine !== visit) return;
  document.body.classList.remove("loading");
  document.querySelector(".toast").classList.remove("shown");
  document.getElementById("q").value = searchParams.get("q") ?? "";
  const focused = stay && document.activeElement.id;
  main.replaceChildren(place);
  document.title = title ? `${title} – Shop` : "Shop";
  scrollTo(0, history.state?.scrolled ?? 0);
  // Screen readers announce the new page; the first one announces itself.
  if (mine > 1) ((focused && document.getElementById(focused)) || main).focus({ preventScroll: true });
}

function showFailure(place, error) {
  if (error instanceof ApiError && error.status === 404) {
    show(place, html`<div class="empty"><h1>Page not found</h1><p>It may have moved, or the address has a typing error.</p>
      <p><a class="button" href="/">To the shop</a></p></div>`);
    return "Page not found";
  }
  if (!(error instanceof ApiError)) console.error(error);
  show(place, html`<div class="empty"><h1>This did not work</h1><p>${error.message}</p>
    <p><a class="button" href="${location.pathname + location.search}">Try again</a></p></div>`);
  return "Error";
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const isWithinPage = link.pathname === location.pathname && link.search === location.search && link.hash;
  if (link.origin !== location.origin || isWithinPage) return;
  event.preventDefault();
  go(link.href);
});

export function startRouter() {
  addEventListener("popstate", () => open());
  history.scrollRestoration = "manual";
  return open();
}
