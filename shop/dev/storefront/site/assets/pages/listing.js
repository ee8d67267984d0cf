// Lists of products: a category, a collection or a search, with filters, order and further pages.
import * as api from "../api.js";
import { html, on, show } from "../dom.js";
import { capital, count, money } from "../format.js";
import { go } from "../router.js";
import { moreButton, startMore } from "../parts/more.js";
import { productCard, productGrid } from "../parts/product-card.js";

const ORDERS = [
  ["newest", "Newest"],
  ["price", "Price, low to high"],
  ["-price", "Price, high to low"],
  ["-sales", "Best sellers"],
  ["name", "Name"],
];

export async function category(main, { slug }, query) {
  const [all, lists] = await Promise.all([api.get("/categories/"), load(query, { category: slug })]);
  const here = all.find((each) => each.slug === slug) ?? (await api.get(`/categories/${slug}/`));
  const parents = all.filter((each) => here.path.startsWith(`${each.path}/`));
  const children = all.filter((each) => each.parent === here.id && each.product_count > 0);
  showList(main, query, lists, {
    title: here.name,
    above: html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Home</a>
      ${parents.map((each) => html`<a href="/categories/${each.slug}">${each.name}</a>`)}</nav>`,
    below: children.length > 0 && html`<nav class="chips" aria-label="Within ${here.name}">
      ${children.map((each) => html`<a href="/categories/${each.slug}">${each.name}</a>`)}</nav>`,
  });
  return here.name;
}

export async function collection(main, { slug }, query) {
  const [here, lists] = await Promise.all([api.get(`/collections/${slug}/`), load(query, { collection: slug })]);
  showList(main, query, lists, { title: here.name, below: html`<p class="lead">${here.description}</p>` });
  return here.name;
}

export async function search(main, _, query) {
  const words = query.get("q") ?? "";
  const lists = await load(query, { search: words });
  const corrected = lists.page.corrected_query;
  const title = words ? `Results for “${corrected ?? words}”` : "All products";
  showList(main, query, lists, {
    title,
    below: corrected && html`<p class="lead">Nothing was found for “${words}”.</p>`,
    orders: words ? [["relevance", "Best match"], ...ORDERS] : ORDERS,
  });
  return title;
}

/** Load products and facets; all parameters of this page but `q` are filters of the API. */
async function load(query, within) {
  const filters = { ...within };
  for (const name of new Set(query.keys())) if (name !== "q" && name !== "ordering") filters[name] = query.getAll(name);
  const ordering = query.get("ordering") ?? (within.search ? "relevance" : undefined);
  const [page, facets] = await Promise.all([
    api.get("/products/", { ...filters, ordering, page_size: 24 }),
    api.get("/products/facets/", filters),
  ]);
  // The pages that were open before the shopper went to a product and back.
  for (let more = history.state?.pages ?? 0; more > 0 && page.next; more -= 1) {
    const { results, next } = await api.get(page.next);
    page.results.push(...results);
    page.next = next;
  }
  return { page, facets };
}

function showList(main, query, { page, facets }, { title, above, below, orders = ORDERS }) {
  const ordering = query.get("ordering") ?? orders[0][0];
  const number = page.count_exact ? count(page.count, "product") : `More than ${page.count} products`;
  show(main, html`
    ${above}
    <h1>${title}</h1>
    ${below}
    <div class="listing">
      <form class="filters" aria-label="Filters">
        <details ${areFiltersOpen() && html`open`}>
          <summary>Filters</summary>
          ${filters(query, facets, page.results[0]?.currency)}
        </details>
      </form>
      <div>
        <div class="list-head">
          <h2 class="hidden">Products</h2><p role="status">${number}</p>
          <p><label for="ordering">Sort by</label>
            <select id="ordering">${orders.map(([value, text]) => html`
              <option value="${value}"${value === ordering && html` selected`}>${text}</option>`)}</select></p>
        </div>
        ${chosen(query)}
        ${page.results.length > 0 ? productGrid(page.results, { eager: 3 }) : nothingFound(query)}
        ${moreButton(page.next)}
      </div>
    </div>`);
  const change = (to) => go(address(to), { stay: true });
  on(main, "change", ".filters input", (_, input) => change(withInput(query, input)));
  on(main, "change", "#ordering", (_, { value }) => change(changed(query, (to) => to.set("ordering", value))));
  startMore(main.querySelector(".more-pages button"), main.querySelector(".products"), page.next, productCard, () => (
    history.replaceState({ ...history.state, pages: (history.state?.pages ?? 0) + 1 }, "")));
}

/** As they were before a change of the filters. */
function areFiltersOpen() {
  return document.querySelector(".filters details")?.open ?? matchMedia("(min-width: 60rem)").matches;
}

// --- Filters: parameters of the address, which are the API's own ------------------------------------------------------

function filters(query, facets, currency) {
  const groups = [
    ["In stock", [{ name: "in_stock", value: "true", text: "In stock only", number: inStock(facets) }]],
    ["Price", facets.price.ranges.map((range) => priceChoice(range, currency ?? "usd"))],
    ...facets.options.map(({ name, values }) => [
      capital(name),
      values.map(({ value, count: number }) => ({ name: `opt_${name}`, value, text: value, number })),
    ]),
    ["Brand", facets.brands.map(({ value, name, count: number }) => ({ name: "brand", value, text: name, number }))],
  ];
  return groups.filter(([, choices]) => choices.length > 0).map(([title, choices]) => html`<fieldset>
    <legend>${title}</legend>
    ${choices.map((choice, number) => checkbox(query, choice, `${choice.name}-${number}`))}
  </fieldset>`);
}

function priceChoice({ min, max, count: number }, currency) {
  const text = `${money(min, currency)} – ${money(max, currency)}`;
  return { name: "price", value: `${min}-${max}`, text, number, type: "radio" };
}

const inStock = (facets) => facets.in_stock.find(({ value }) => value)?.count ?? 0;

function checkbox(query, { name, value, text, number, type = "checkbox" }, id) {
  const isChosen = name === "price" ? priceOf(query) === value : query.getAll(name).includes(value);
  return html`<div class="choice">
    <input type="${type}" id="${id}" name="${name}" value="${value}"${isChosen && html` checked`}>
    <label for="${id}">${text} <span class="number">${number}</span></label></div>`;
}

const priceOf = (query) => query.has("min_price") && `${query.get("min_price")}-${query.get("max_price")}`;

function withInput(query, { name, value, checked }) {
  return changed(query, (to) => {
    if (name === "price") {
      const [low, high] = value.split("-");
      to.set("min_price", low);
      to.set("max_price", high);
    } else if (checked) to.append(name, value);
    else to.delete(name, value);
  });
}

function changed(query, change) {
  const to = new URLSearchParams(query);
  change(to);
  return to;
}

const address = (query) => `${location.pathname}${query.size ? "?" : ""}${query}`;

/** What is filtered by, each with a link that removes it. */
function chosen(query) {
  const names = [...query].filter(([name]) => !["q", "ordering", "max_price"].includes(name));
  if (names.length === 0) return null;
  const links = names.map(([name, value]) => {
    const without = changed(query, (to) => {
      to.delete(name, value);
      if (name === "min_price") to.delete("max_price");
    });
    const text = { in_stock: "In stock", min_price: `${value} – ${query.get("max_price")}` }[name] ?? capital(value);
    return html`<a href="${address(without)}"><span class="hidden">Remove filter </span>${text}
      <span aria-hidden="true">×</span></a>`;
  });
  return html`<p class="chips chosen">${links}</p>`;
}

function nothingFound(query) {
  return html`<div class="empty"><p>No product matches.</p>
    ${query.size > 0 && html`<p><a class="button secondary" href="${location.pathname}">Remove all filters</a></p>`}</div>`;
}
