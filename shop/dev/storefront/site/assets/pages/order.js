// An order: of the account, or opened by the token of a link in a mail.
import * as api from "../api.js";
import { field, handleForm, html, on, show, toast } from "../dom.js";
import { addressLines, capital, count, date, eventText, isPayable, isPositive, money, orderStatus, time } from "../format.js";
import { lineList, sums } from "../parts/sums.js";
import { showLookup } from "./login.js";

export async function order(main, { number }, query) {
  const token = query.get("token");
  const redirected = query.get("redirect_status");
  if (token) api.keepOrderToken(number, token);
  // Neither the token nor Stripe's secrets stay in the history, in screenshots or in what is shared.
  history.replaceState(history.state, "", location.pathname + (redirected ? `?redirect_status=${redirected}` : ""));
  if (!api.isLoggedIn() && !api.hasOrderToken(number)) return showLookup(main, number);
  let found;
  try {
    found = await api.get(`/orders/${number}/`);
  } catch (error) {
    if (![401, 404].includes(error.status)) throw error;
    return showLookup(main, number);
  }
  const { update } = showOrder(main, found, redirected);
  if (redirected === "succeeded" && isPayable(found)) waitForPayment(main, found, update);
  return `Order ${number}`;
}

/** Stripe tells the shop of the payment by a webhook, mostly within a second. */
async function waitForPayment(main, { number }, update) {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (!main.isConnected) return;
    const found = await api.get(`/orders/${number}/`).catch(() => null);
    if (found && !isPayable(found)) {
      update(found, "succeeded");
      return;
    }
  }
}

function showOrder(main, initial, redirected) {
  const update = (found, outcome) => {
    const { number, currency } = found;
    const isWaiting = outcome === "succeeded" && isPayable(found);
    show(main, html`
      <p class="eyebrow">Order ${number}, ${date(found.created_at)}</p>
      <h1 tabindex="-1">${outcome === "succeeded" ? "Thank you for your order" : orderStatus(found)}</h1>
      ${isWaiting && html`<p class="notice" role="status">Your payment is being confirmed …</p>`}
      ${outcome === "succeeded" && !isWaiting && html`<p class="lead">${orderStatus(found)}. We have sent a confirmation to
        ${found.email}.</p>`}
      ${outcome === "failed" && html`<p class="notice error" role="alert">The payment was not completed. You can try again.</p>`}
      <div data-errors></div>
      <p class="actions">${!isWaiting && actions(found)}</p>
      <div class="with-summary">
        <div class="steps">
          ${lineList(found.lines, currency)}
          ${found.fulfilments.map((each, place) => parcel(each, place + 1))}
          ${found.returns.map((each) => returned(each, currency))}
          <section class="pair">
            <div><h2>${found.pickup_address ? "Pick-up" : "Delivery"}</h2>
              ${address(found.pickup_address ?? found.shipping_address)}</div>
            <div><h2>Billing</h2>${address(found.billing_address)}</div>
          </section>
          <section><h2>History</h2><ol class="timeline">${found.timeline.map(entry)}</ol></section>
        </div>
        <section class="summary" aria-label="Sums"><h2>Summary</h2>${sums(found)}
          ${found.refunds.map((each) => html`<p class="muted">Refund of ${money(each.amount, currency)}: ${each.status}</p>`)}
          ${found.invoice && fileButton(`Invoice ${found.invoice.number}`, `/orders/${number}/invoice/`)}
          ${found.credit_notes.map((each) => (
            fileButton(`Credit note ${each.number}`, `/orders/${number}/credit-notes/${each.id}/`)))}
        </section>
      </div>`);
    const form = main.querySelector("form");
    if (form) handleForm(form, async ({ reason }) => update(await api.post(`/orders/${number}/cancel/`, { reason })));
  };
  update(initial, redirected);
  on(main, "click", "[data-file]", (_, button) => save(button.dataset.file, button.textContent));
  return { update };
}

function actions(found) {
  const units = (name) => found.lines.some((line) => line[name] > 0);
  const to = `/orders/${found.number}`;
  return html`
    ${isPayable(found) && html`<a class="button" href="${to}/pay">Pay now</a>`}
    ${units("returnable") && html`<a class="button secondary" href="${to}/return">Return items</a>`}
    ${units("withdrawable") && html`<a class="button secondary" href="${to}/return?withdrawal=true">Withdraw from contract
      here</a>`}
    ${found.cancellable && html`<details><summary>Cancel the order</summary><form class="narrow"><div data-errors></div>
      ${field({ name: "reason", label: "Reason", maxlength: 300 })}
      <button class="danger">Cancel this order</button></form></details>`}`;
}

const address = (found) => found && html`<p>${addressLines(found).map((line) => html`${line}<br>`)}</p>`;

function parcel({ lines, carrier, tracking_number: code, tracking_url: url, delivered_at: at }, place) {
  const units = count(lines.reduce((sum, line) => sum + line.quantity, 0), "item");
  return html`<p class="notice">Parcel ${place} with ${units}${carrier && ` by ${carrier}`}${at && `, delivered on ${date(at)}`}.
    ${url ? html`<a href="${url}" target="_blank" rel="noopener">Track ${code}</a>` : code}</p>`;
}

function returned({ withdrawal, status, lines, expected_refund: expected, refund, answer }, currency) {
  const units = count(lines.reduce((sum, line) => sum + line.quantity, 0), "item");
  const money_back = refund ? `${money(refund.amount, currency)} refunded` : `expected refund ${money(expected, currency)}`;
  return html`<p class="notice">${withdrawal ? "Withdrawal" : "Return"} of ${units}: <strong>${capital(status)}</strong>,
    ${money_back}. ${answer}</p>`;
}

function entry({ at, event, detail }) {
  return html`<li><strong>${eventText(event)}</strong>${detail && html`<br>${detail}`}<br>
    <span class="muted">${time(at)}</span></li>`;
}

function fileButton(name, path) {
  return html`<p><button type="button" class="secondary wide" data-file="${path}">${name}</button></p>`;
}

async function save(path, name) {
  try {
    const url = URL.createObjectURL(await api.get(path, {}, { as: "blob" }));
    Object.assign(document.createElement("a"), { href: url, download: `${name}.pdf` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    toast(html`<p>${error.message}</p>`);
  }
}
