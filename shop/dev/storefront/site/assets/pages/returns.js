// Returns and withdrawals, in two steps: choose the items, then confirm what the API's preview says.
import * as api from "../api.js";
import { handleForm, html, select, show } from "../dom.js";
import { count, money, optionsText } from "../format.js";
import { linePicture } from "../parts/sums.js";
import { go } from "../router.js";

const REASONS = ["Does not fit", "Damaged or defective", "Not as described", "Wrong item", "Changed my mind"];

export async function returnItems(main, { number }, query) {
  const isWithdrawal = query.get("withdrawal") === "true";
  const order = await api.get(`/orders/${number}/`);
  const units = (line) => (isWithdrawal ? line.withdrawable : line.returnable);
  const lines = order.lines.filter((line) => units(line) > 0);
  const title = isWithdrawal ? "Withdraw from contract" : "Return items";
  const initial = (line) => (isWithdrawal ? String(units(line)) : "0");
  const quantities = (line) => Array.from({ length: units(line) + 1 }, (_, quantity) => [String(quantity), String(quantity)]);
  show(main, html`
    <nav class="crumbs" aria-label="Breadcrumb"><a href="/orders/${number}">Order ${number}</a></nav>
    <h1 tabindex="-1">${title}</h1>
    <form class="narrow">
      <div data-errors></div>
      ${lines.length === 0 && html`<p class="notice">No item of this order can be sent back now.</p>`}
      <ul class="lines">${lines.map((line) => html`<li>${linePicture(line)}<div>
        <h2>${line.name}</h2><p class="muted">${optionsText(line.options)}</p>
        ${select({ name: `quantity.${line.id}`, label: "How many?", options: quantities(line), value: initial(line) })}
        ${!isWithdrawal && select({ name: `reason.${line.id}`, label: "Reason", options: REASONS.map((each) => [each, each]) })}
      </div></li>`)}</ul>
      ${lines.length > 0 && html`<button>Continue</button>`}
    </form>`);
  handleForm(main.querySelector("form"), async (data) => {
    const chosen = lines.map(({ id }) => (
      { line: id, quantity: Number(data[`quantity.${id}`]), reason: data[`reason.${id}`] ?? "" }));
    const body = { lines: chosen.filter(({ quantity }) => quantity > 0), withdrawal: isWithdrawal };
    if (body.lines.length === 0) throw new Error("Please choose at least one item.");
    showPreview(main, order, body, await api.post(`/orders/${number}/returns/preview/`, body));
  });
  return title;
}

function showPreview(main, { number, lines, currency }, body, preview) {
  const button = body.withdrawal ? "Confirm withdrawal" : "Request return";
  show(main, html`
    <h1 tabindex="-1">${body.withdrawal ? "Confirm your withdrawal" : "Check your return"}</h1>
    <form class="narrow">
      <div data-errors></div>
      <ul class="lines">${preview.lines.map(({ line: id, quantity, reason }) => {
        const line = lines.find((each) => each.id === id);
        return html`<li>${linePicture(line)}<div><h2>${line.name}</h2><p class="muted">${optionsText(line.options)}</p>
          <p>${count(quantity, "item")}${reason && `: ${reason}`}</p></div></li>`;
      })}</ul>
      <dl class="sums"><div class="total"><dt>Expected refund</dt><dd>${money(preview.expected_refund, currency)}</dd></div></dl>
      ${preview.refunds_shipping && html`<p class="muted">It includes the shipping that you paid.</p>`}
      <button>${button}</button>
    </form>`);
  main.querySelector("h1").focus();
  handleForm(main.querySelector("form"), async () => {
    await api.post(`/orders/${number}/returns/`, body, { once: true });
    await go(`/orders/${number}`, { replace: true });
  });
}
