// Checkout: every change of the address or the delivery asks the API for a quote, and the order names its total.
import * as api from "../api.js";
import { field, handleForm, html, on, show } from "../dom.js";
import { addressLines, money } from "../format.js";
import { showCartCount } from "../header.js";
import { addressFields, followCountry, readAddress } from "../parts/address.js";
import { lineList, sums } from "../parts/sums.js";
import { go } from "../router.js";

const SHIPPING = "shipping_address.";
const BILLING = "billing_address.";
const WAYS = [["address", "Send it to an address"], ["pickup", "Pick it up"]];
const NEEDED = [["email", "Enter your e-mail address"], [`${SHIPPING}state`, "Choose a state"]];

export async function checkout(main) {
  const [cart, methods, user, addresses] = await Promise.all([
    api.get("/cart/"),
    api.get("/shipping-methods/"),
    api.isLoggedIn() ? api.get("/users/me/") : null,
    api.isLoggedIn() ? api.get("/users/me/addresses/", { page_size: 100 }) : { results: [] },
  ]);
  if (cart.items.length === 0) {
    go("/cart", { replace: true });
    return "Cart";
  }
  const pickups = methods.filter((method) => method.is_pickup);
  show(main, html`
    <h1>Checkout</h1>
    <form class="with-summary">
      <div class="steps">
        <div data-errors></div>
        <section><h2>Contact</h2>${contact(user)}</section>
        <section><h2>Delivery</h2>
          ${pickups.length > 0 && choices("delivery", WAYS)}
          <div data-if="address">
            ${addresses.results.length > 0 && savedAddresses(addresses.results)}
            <div data-if="new">${addressFields(SHIPPING, {}, "shipping")}</div>
            <h3>Shipping</h3><div class="methods" aria-live="polite"></div>
          </div>
          <div data-if="pickup" hidden>${choices("pickup", pickups.map((each) => [each.code, each.name, pickupText(each)]))}</div>
        </section>
        <section><h2>Billing</h2>
          <div class="choice"><input type="checkbox" id="other-billing">
            <label for="other-billing">Use another billing address</label></div>
          <div data-if="billing" hidden></div>
          ${field({ name: "note", label: "Note for us", maxlength: 500 })}
        </section>
      </div>
      <section class="summary" aria-label="Your order"><h2>Your order</h2><div class="quote" aria-live="polite"></div>
        <button class="wide">Place order</button>
        <p class="muted">You pay on the next page.</p></section>
    </form>`);
  startCheckout(main.querySelector("form"), { cart, user });
  return "Checkout";
}

function contact(user) {
  if (user) return html`<p>${user.name}, ${user.email}</p>`;
  return html`<p class="muted">Have an account? <a href="/login?next=/checkout">Log in</a></p>
    ${field({
      name: "email", label: "E-mail", type: "email", autocomplete: "email", required: true,
      hint: "For the confirmation and the link to your order.",
    })}`;
}

function choices(name, options, chosen = options[0]?.[0]) {
  return html`${options.map(([value, label, more], number) => html`<div class="choice card">
    <input type="radio" name="${name}" id="${name}-${number}" value="${value}"${value === chosen && html` checked`}>
    <label for="${name}-${number}"><strong>${label}</strong>${more}</label></div>`)}`;
}

function savedAddresses(addresses) {
  const saved = addresses.map((each) => [each.id, each.name, html`<br>${addressLines(each).slice(1).join(", ")}`]);
  const first = addresses.find((each) => each.is_default) ?? addresses[0];
  return choices("address_id", [...saved, ["", "Another address"]], first.id);
}

const pickupText = ({ description, pickup_address: at }) => html`<br>${at.line1}, ${at.postal_code} ${at.city}<br>${description}`;

function startCheckout(form, { cart, user }) {
  let quote = null;
  let latest = 0;
  let timer;
  let pending = Promise.resolve();
  const value = (name) => form.elements.namedItem(name)?.value ?? "";
  const isPickup = () => value("delivery") === "pickup";

  /** The order as the API takes it; `isQuote` names the place only, as the rest is not typed yet. */
  function body(isQuote) {
    const order = { email: user ? undefined : value("email"), note: value("note") };
    if (isPickup()) return { ...order, shipping_method: value("pickup"), ...billing() };
    order.shipping_method = value("shipping_method") || undefined;
    if (value("address_id")) return { ...order, address_id: value("address_id"), ...billing() };
    const { country, state, postal_code: postalCode, ...rest } = readAddress(form, SHIPPING);
    const place = { country, state, postal_code: postalCode };
    return { ...order, shipping_address: isQuote ? place : { ...place, ...rest }, ...(isQuote ? {} : billing()) };
  }

  const hasOtherBilling = () => form.elements.namedItem("other-billing").checked;
  const billing = () => (hasOtherBilling() ? { billing_address: readAddress(form, BILLING) } : {});

  function update() {
    clearTimeout(timer);
    pending = showQuote();
    return pending;
  }

  async function showQuote() {
    const mine = ++latest;
    const visible = { address: !isPickup(), pickup: isPickup(), new: !value("address_id"), billing: hasOtherBilling() };
    for (const each of form.querySelectorAll("[data-if]")) each.hidden = !visible[each.dataset.if];
    for (const each of form.querySelectorAll("[data-if] :is(input, select)")) {
      each.disabled = each.closest("[data-if][hidden]") !== null;
    }
    try {
      for (const [name, text] of NEEDED) {
        if (form.elements.namedItem(name)?.checkValidity() === false) throw new Error(`${text} to see shipping and taxes.`);
      }
      const found = await api.post("/orders/quote/", { ...body(true), billing_address: undefined });
      if (mine !== latest) return;
      quote = found;
      showMethods();
      show(form.querySelector(".quote"), html`${lineList(quote.lines, quote.currency)}${sums(quote)}`);
    } catch (error) {
      if (mine !== latest) return;
      // A method that does not serve the new address.
      if (error.code === "invalid_shipping_method" && value("shipping_method")) {
        show(form.querySelector(".methods"), "");
        return showQuote();
      }
      quote = null;
      show(form.querySelector(".methods"), html`<p class="muted">${error.message}</p>`);
      const lines = cart.items.map((item) => ({ ...item, name: item.product.name, options: item.variant.options }));
      show(form.querySelector(".quote"), html`${lineList(lines, cart.currency)}${sums(cart)}`);
    }
  }

  function showMethods() {
    const offered = quote.shipping_methods.filter((method) => !method.is_pickup);
    const texts = offered.map(({ code, name, price, description }) => {
      const amount = Number(price) ? money(price, quote.currency) : "Free";
      return [code, html`${name} <span class="amount">${amount}</span>`, html`<br>${description}`];
    });
    show(form.querySelector(".methods"), choices("shipping_method", texts, quote.shipping_method));
  }

  followCountry(form);
  on(form, "change", "#other-billing", () => {
    const fields = hasOtherBilling() && addressFields(BILLING, readAddress(form, SHIPPING), "billing");
    show(form.querySelector("[data-if=billing]"), fields);
  });
  form.addEventListener("change", ({ target }) => target.name?.startsWith(BILLING) || update());
  form.addEventListener("input", ({ target }) => {
    if (!/email|postal_code/.test(target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(update, 500);
  });
  handleForm(form, async () => {
    const seen = quote?.total;
    await pending;
    if (quote && quote.total !== seen) throw new Error("Please check the new total, and place the order again.");
    try {
      const order = await api.post("/orders/", { ...body(false), expected_total: quote?.total }, { once: true });
      if (order.token) api.keepOrderToken(order.number, order.token);
      showCartCount({ item_count: 0 });
      go(order.payment_status === "unpaid" ? `/orders/${order.number}/pay` : `/orders/${order.number}`, { replace: true });
    } catch (error) {
      if (["total_changed", "out_of_stock", "cart_changed", "invalid_coupon"].includes(error.code)) await update();
      throw error;
    }
  });
  return update();
}
