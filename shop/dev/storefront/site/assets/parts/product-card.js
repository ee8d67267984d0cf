import { html } from "../dom.js";
import { count, money } from "../format.js";

/** A list of products; the pictures of the first `eager` are loaded at once. */
export function productGrid(products, { eager = 0 } = {}) {
  return html`<ul class="products">${products.map((product, number) => productCard(product, number < eager))}</ul>`;
}

export function productCard(product, isEager) {
  const [first] = product.item_images;
  const colours = product.options.find(({ name }) => /colou?r/i.test(name))?.values ?? [];
  return html`<li class="product-card">
    <div class="picture">
      ${first ? picture(first, isEager) : html`<span class="no-picture"></span>`}
      ${badge(product)}
    </div>
    <h3><a href="/products/${product.slug}">${product.name}</a></h3>
    <p class="price">${price(product)}</p>
    <p class="more">${[product.brand, colours.length > 1 && count(colours.length, "colour")].filter(Boolean).join(" · ")}</p>
  </li>`;
}

// The name beside it says the same as the alternative text would.
function picture({ url, width, height }, isEager) {
  const priority = isEager ? html`fetchpriority="high"` : html`loading="lazy"`;
  return html`<img src="${url}" alt="" width="${width}" height="${height}" ${priority}>`;
}

function badge(product) {
  if (!product.in_stock) return html`<span class="badge">Sold out</span>`;
  return product.compare_at_price && html`<span class="badge sale">Sale</span>`;
}

export function price({ price_min: low, price_max: high, compare_at_price: before, currency }) {
  const text = low === high ? money(low, currency) : html`from ${money(low, currency)}`;
  if (!before) return html`<span>${text}</span>`;
  return html`<span class="reduced">${text}</span> <s><span class="hidden">instead of </span>${money(before, currency)}</s>`;
}

/** "★★★★☆", for a person who sees it, and "4.2 of 5" for one who hears it. */
export function stars(rating) {
  const full = Math.round(rating);
  const shown = "★".repeat(full) + "☆".repeat(5 - full);
  return html`<span class="stars" role="img" aria-label="${rating} of 5 stars">${shown}</span>`;
}
