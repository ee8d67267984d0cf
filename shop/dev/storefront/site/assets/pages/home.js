import * as api from "../api.js";
import { html, show } from "../dom.js";
import { productGrid } from "../parts/product-card.js";

export async function home(main) {
  const [collections, newest, popular] = await Promise.all([
    api.get("/collections/"),
    api.get("/products/", { page_size: 8 }),
    api.get("/products/", { ordering: "-sales", in_stock: true, page_size: 4 }),
  ]);
  const [lead, ...others] = collections.results;
  show(main, html`
    ${lead && hero(lead)}
    <section class="section">
      <div class="section-head"><h2>New in</h2><a href="/search">All products</a></div>
      ${productGrid(newest.results)}
    </section>
    ${others.map((each) => html`<section class="section panel">
      ${each.image && html`<img src="${each.image}" alt="" width="640" height="640" loading="lazy">`}
      <div><h2>${each.name}</h2><p>${each.description}</p>
        <p><a class="button secondary" href="/collections/${each.slug}">See the collection</a></p></div>
    </section>`)}
    <section class="section">
      <div class="section-head"><h2>Loved by many</h2><a href="/search?ordering=-sales">Best sellers</a></div>
      ${productGrid(popular.results)}
    </section>`);
}

function hero(collection) {
  return html`<section class="hero">
    <div>
      <p class="eyebrow">The collection</p>
      <h1>${collection.name}</h1>
      <p class="lead">${collection.description}</p>
      <p><a class="button" href="/collections/${collection.slug}">See the collection</a></p>
    </div>
    ${collection.image && html`<img src="${collection.image}" alt="" width="640" height="640" fetchpriority="high">`}
  </section>`;
}
