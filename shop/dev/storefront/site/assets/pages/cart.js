import * as api from "../api.js";
import { handleForm, html, on, show, showErrors } from "../dom.js";
import { count, date, isPositive, money, optionsText } from "../format.js";
import { showCartCount } from "../header.js";
import { linePicture, sums } from "../parts/sums.js";

export async function cart(main) {
  update(main, await api.get("/cart/"));
  on(main, "change", "[data-quantity]", (_, input) => {
    const quantity = Math.max(0, Math.round(Number(input.value)));
    const path = `/cart/items/${input.dataset.quantity}/`;
    change(main, () => (quantity ? api.patch(path, { quantity }) : api.remove(path)));
  });
  on(main, "click", "[data-remove]", (_, { dataset }) => change(main, () => api.remove(`/cart/items/${dataset.remove}/`)));
  on(main, "click", "[data-remove-coupon]", () => change(main, () => api.remove("/cart/coupon/")));
  return "Cart";
}

async function change(main, send) {
  const focused = document.activeElement?.id;
  try {
    update(main, await send());
  } catch (error) {
    update(main, await api.get("/cart/"));
    showErrors(main.querySelector("form"), error);
  }
  (document.getElementById(focused) ?? main.querySelector("h1")).focus({ preventScroll: true });
}

function update(main, found) {
  showCartCount(found);
  if (found.items.length === 0) {
    show(main, html`<div class="empty"><h1 tabindex="-1">Your cart is empty</h1>
      <p>Things that you add are kept here.</p><p><a class="button" href="/">Look around</a></p></div>`);
    return;
  }
  show(main, html`
    <h1 tabindex="-1">Cart</h1>
    <div class="with-summary">
      <ul class="lines">${found.items.map((item) => line(item, found))}</ul>
      <section class="summary" aria-label="Summary">
        <h2>Summary</h2>
        ${found.warnings.filter(({ item }) => !item).map(({ detail }) => html`<p class="notice warn">${detail}</p>`)}
        ${sums(found)}
        <form>
          <div data-errors></div>
          ${found.coupon
            ? html`<p class="chips"><button type="button" data-remove-coupon><span class="hidden">Remove code </span>
                ${found.coupon} <span aria-hidden="true">×</span></button></p>`
            : html`<p class="field"><label for="code">Promotion code</label><span class="joined">
                <input id="code" name="code" autocomplete="off" required>
                <button class="secondary">Apply</button></span></p>`}
        </form>
        <p><a class="button wide" href="/checkout">Checkout</a></p>
        <p class="muted">Shipping and taxes follow at checkout.</p>
      </section>
    </div>`);
  handleForm(main.querySelector("form"), async ({ code }) => update(main, await api.put("/cart/coupon/", { code })));
}

function line(item, { currency, warnings }) {
  const name = [item.product.name, optionsText(item.variant.options)].filter(Boolean).join(", ");
  return html`<li>
    ${linePicture(item)}
    <div>
      <h2><a href="/products/${item.product.slug}?variant=${item.variant.id}">${item.product.name}</a></h2>
      <p class="muted">${optionsText(item.variant.options)}</p>
      ${item.backordered > 0 && html`<p class="muted">${count(item.backordered, "unit")} on back
        order${item.expected_on && `, expected on ${date(item.expected_on)}`}</p>`}
      ${warnings.filter((each) => each.item === item.id).map(({ detail }) => html`<p class="notice warn">${detail}</p>`)}
      <p class="line-actions"><label class="hidden" for="quantity-${item.id}">Quantity of ${name}</label>
        <input id="quantity-${item.id}" data-quantity="${item.id}" type="number" min="0" value="${item.quantity}">
        <button type="button" class="link" data-remove="${item.id}">Remove<span class="hidden"> ${name}</span></button></p>
    </div>
    <p class="amount">${money(item.line_total, currency)}
      ${isPositive(item.discount) && html`<small class="reduced">−${money(item.discount, currency)}</small>`}
      ${item.quantity > 1 && html`<small>${money(item.unit_price, currency)} each</small>`}</p>
  </li>`;
}
