// The site's header: categories, search with suggestions, the number of items in the cart.
import * as api from "./api.js";
import { html, on, show } from "./dom.js";
import { go } from "./router.js";

const cartLink = document.querySelector(".to-cart");

export function startHeader() {
  showCategories();
  showSession();
  startSearch(document.querySelector(".search"));
  api.onChange((name) => {
    if (name === "tokens" || name === "cart") showSession();
  });
}

async function showCategories() {
  const all = await api.get("/categories/").catch(() => []);
  const nav = document.querySelector("nav.categories");
  const shown = all.filter((category) => category.parent === null && category.product_count > 0);
  show(nav, html`${shown.map((each) => html`<a href="/categories/${each.slug}">${each.name}</a>`)}`);
}

function showSession() {
  const account = document.querySelector(".to-account");
  account.textContent = api.isLoggedIn() ? "Account" : "Log in";
  api.get("/cart/").then(showCartCount, () => null);
}

export function showCartCount({ item_count: number }) {
  const badge = cartLink.querySelector(".count");
  badge.hidden = number === 0;
  show(badge, html`${number}<span class="hidden"> items</span>`);
}

// --- Search, as a combobox: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ -----------------------------------------

function startSearch(form) {
  const input = form.elements.q;
  const list = form.querySelector("[role=listbox]");
  let timer;
  let latest = 0;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  async function suggest() {
    const mine = ++latest;
    const query = input.value.trim();
    const found = query.length < 2 ? [] : await api.get("/products/suggest/", { q: query }).catch(() => []);
    if (mine !== latest || document.activeElement !== input) return;
    show(list, found.map((each, number) => html`<li id="suggestion-${number}" role="option" aria-selected="false"
      data-address="${addressOf(each)}">${each.text}${each.type !== "query" && html` <small>${each.type}</small>`}</li>`));
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    input.removeAttribute("aria-activedescendant");
  }

  const open = (address) => {
    clearTimeout(timer);
    latest += 1;
    close();
    input.blur();
    go(address);
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, 150);
  });
  input.addEventListener("keydown", (event) => {
    const chosen = list.querySelector("[aria-selected=true]");
    if (event.key === "Escape") close();
    if (event.key === "Enter" && chosen) {
      event.preventDefault();
      open(chosen.dataset.address);
    }
    if (!["ArrowDown", "ArrowUp"].includes(event.key) || list.hidden) return;
    event.preventDefault();
    const options = [...list.children];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = options.at((options.indexOf(chosen) + (chosen || step > 0 ? step : 0)) % options.length);
    options.forEach((each) => each.setAttribute("aria-selected", String(each === next)));
    input.setAttribute("aria-activedescendant", next.id);
  });
  input.addEventListener("blur", close);
  // Before the blur, which hides the list.
  on(list, "mousedown", "[data-address]", (event, option) => {
    event.preventDefault();
    open(option.dataset.address);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    open(`/search?q=${encodeURIComponent(input.value.trim())}`);
  });
}

function addressOf({ type, slug, text }) {
  if (type === "product") return `/products/${slug}`;
  if (type === "category") return `/categories/${slug}`;
  return type === "brand" ? `/search?brand=${slug}` : `/search?q=${encodeURIComponent(text)}`;
}
