import * as api from "../api.js";
import { handleForm, html, on, show, toast } from "../dom.js";
import { capital, count, date, money, optionsText } from "../format.js";
import { showCartCount } from "../header.js";
import { price, productGrid, stars } from "../parts/product-card.js";
import { showReviews } from "../parts/reviews.js";

export async function product(main, { slug }, query) {
  const found = await api.get(`/products/${slug}/`);
  if (found.slug !== slug) history.replaceState(history.state, "", `/products/${found.slug}${location.search}`);
  show(main, html`
    <nav class="crumbs" aria-label="Breadcrumb"><a href="/">Home</a>
      ${found.category && html`<a href="/categories/${found.category.slug}">${found.category.name}</a>`}</nav>
    <div class="product">
      <div class="gallery"></div>
      <div class="buy">
        ${found.brand && html`<p class="eyebrow">${found.brand}</p>`}
        <h1>${found.name}</h1>
        ${found.rating.count > 0 && html`<p>${stars(found.rating.average)}
          <a href="#reviews">${count(found.rating.count, "review")}</a></p>`}
        <form>
          <p class="price big" aria-live="polite"></p>
          ${found.options.map(optionChoice)}
          <p class="availability" aria-live="polite"></p>
          <div class="add"><label class="hidden" for="quantity">Quantity</label>
            <input id="quantity" name="quantity" type="number" inputmode="numeric" min="1" max="99" value="1" required>
            <button>Add to cart</button></div>
          <div data-errors></div>
        </form>
        <p class="description">${found.description}</p>
        ${attributes(found)}
      </div>
    </div>
    <section class="section" id="reviews"></section>
    <section class="section related"></section>`);
  startChoice(main, found, query.get("variant"));
  showReviews(main.querySelector("#reviews"), found);
  showRelated(main.querySelector(".related"), found);
  return found.seo.title || found.name;
}

function optionChoice({ name, values }) {
  return html`<fieldset class="option"><legend>${capital(name)}: <span data-chosen="${name}"></span></legend>
    ${values.map((value, number) => html`<span>
      <input type="radio" id="${name}-${number}" name="option.${name}" value="${value}">
      <label for="${name}-${number}">${value}</label></span>`)}
  </fieldset>`;
}

function attributes({ attributes: found, options }) {
  const others = Object.entries(found).filter(([name]) => !options.some((option) => option.name === name));
  return others.length > 0 && html`<dl class="attributes">${others.map(([name, value]) => html`
    <div><dt>${capital(name)}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Find the variant for the chosen options, and show its price, stock and pictures. */
function startChoice(main, found, wanted) {
  const form = main.querySelector(".buy form");
  const { variants, options } = found;
  const chosen = initialChoice(found, wanted);
  const matches = (variant, choice) => Object.entries(choice).every(([name, value]) => variant.options[name] === value);

  function update() {
    for (const input of form.querySelectorAll("[name^='option.']")) {
      const name = input.name.slice("option.".length);
      const possible = variants.filter((each) => matches(each, { ...chosen, [name]: input.value }));
      input.checked = chosen[name] === input.value;
      input.disabled = possible.length === 0;
      input.classList.toggle("sold-out", !possible.some((each) => each.in_stock));
    }
    for (const each of form.querySelectorAll("[data-chosen]")) each.textContent = chosen[each.dataset.chosen] ?? "choose";
    const isComplete = options.every(({ name }) => name in chosen);
    const fitting = variants.filter((each) => matches(each, chosen));
    const variant = isComplete ? fitting[0] : undefined;
    show(form.querySelector(".price"), variant ? variantPrice(variant, found) : price(found));
    show(form.querySelector(".availability"), variant && availability(variant));
    form.querySelector("button").disabled = Boolean(variant) && !variant.in_stock;
    form.querySelector("button").textContent = variant && !variant.in_stock ? "Sold out" : "Add to cart";
    showGallery(main.querySelector(".gallery"), found, fitting[0]);
    return variant;
  }

  on(form, "change", "[name^='option.']", (_, input) => {
    chosen[input.name.slice("option.".length)] = input.value;
    // The last choice counts: an earlier one that does not go with it is dropped.
    for (const name of Object.keys(chosen)) {
      if (!variants.some((each) => matches(each, chosen)) && `option.${name}` !== input.name) delete chosen[name];
    }
    const variant = update();
    if (variant) history.replaceState(history.state, "", `?variant=${variant.id}`);
  });
  handleForm(form, async ({ quantity }) => {
    const missing = options.find(({ name }) => !(name in chosen));
    if (missing) throw new api.ApiError(0, [{ detail: `Please choose a ${missing.name}.`, attr: null }]);
    const variant = variants.find((each) => matches(each, chosen));
    showCartCount(await api.post("/cart/items/", { variant: variant.id, quantity: Number(quantity) }));
    const text = [found.name, optionsText(variant.options)].filter(Boolean).join(", ");
    toast(html`<p><strong>${text}</strong> is in your cart.</p><a class="button" href="/cart">View cart</a>`);
  });
  update();
}

/** All of the wanted variant, or what leaves no choice, and the colour that the pictures show. */
function initialChoice({ variants, options }, wanted) {
  const variant = variants.find(({ id }) => id === wanted);
  if (variant || variants.length === 1) return { ...(variant ?? variants[0]).options };
  const first = variants.find(({ in_stock: isInStock }) => isInStock) ?? variants[0];
  const settled = options.filter(({ name, values }) => values.length === 1 || /colou?r/i.test(name));
  return Object.fromEntries(settled.map(({ name }) => [name, first.options[name]]));
}

/** A variant on sale has its own former price; another may be the product's. */
function variantPrice({ price: now, compare_at_price: own, lowest_price_30_days: lowest }, product) {
  const { currency, compare_at_price: former } = product;
  const before = own ?? (Number(former) > Number(now) ? former : null);
  return html`${price({ price_min: now, price_max: now, compare_at_price: before, currency })}
    ${lowest && html`<small>Lowest price of the last 30 days: ${money(lowest, currency)}</small>`}`;
}

function availability({ availability: kind, expected_on: expected }) {
  if (kind === "in_stock") return html`<span class="dot in"></span>In stock`;
  if (kind !== "backorder") return html`<span class="dot out"></span>Sold out`;
  const text = expected ? `Order now, expected on ${date(expected)}` : "Available on back order";
  return html`<span class="dot late"></span>${text}`;
}

function showGallery(place, { images, name }, variant) {
  const own = variant?.images ?? [];
  const shown = [...own, ...images.filter((image) => !own.some(({ id }) => id === image.id))];
  const key = shown.map(({ id }) => id).join();
  if (place.dataset.shown === key) return;
  place.dataset.shown = key;
  if (shown.length === 0) return;
  const [first] = shown;
  show(place, html`
    <img class="large" src="${first.sizes.large}" alt="${first.alt || name}" width="${first.width}" height="${first.height}"
      fetchpriority="high">
    ${shown.length > 1 && html`<ul>${shown.map((image, number) => html`<li>
      <button type="button" data-number="${number}" aria-label="Picture ${number + 1}: ${image.alt}"
        aria-pressed="${number === 0}">
        <img src="${image.thumbnail}" alt="" width="96" height="96"></button></li>`)}</ul>`}`);
  place.onclick = ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    const image = shown[button.dataset.number];
    Object.assign(place.querySelector(".large"), { src: image.sizes.large, alt: image.alt || name });
    place.querySelectorAll("button").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
  };
}

async function showRelated(place, { id, category }) {
  if (!category) return;
  const { results } = await api.get("/products/", { category: category.slug, page_size: 5 }).catch(() => ({ results: [] }));
  const others = results.filter((each) => each.id !== id).slice(0, 4);
  if (others.length > 0) show(place, html`<h2>More in ${category.name}</h2>${productGrid(others)}`);
}
