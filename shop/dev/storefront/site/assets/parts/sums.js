// Lines and sums, of a quote and of an order.
import { html } from "../dom.js";
import { isPositive, money, optionsText } from "../format.js";

export function linePicture({ image }) {
  return image ? html`<img src="${image}" alt="" width="96" height="96">` : html`<span class="no-picture"></span>`;
}

export function lineList(lines, currency) {
  return html`<ul class="lines">${lines.map((line) => html`<li>
    ${linePicture(line)}
    <div><p class="name">${line.name}</p><p class="muted">${optionsText(line.options)}</p>
      <p class="muted">Quantity ${line.quantity}</p></div>
    <p class="amount">${money(line.line_total, currency)}</p>
  </li>`)}</ul>`;
}

/** Of a cart, a quote or an order: the latter two know shipping and taxes. */
export function sums({ subtotal, discounts, shipping, tax_lines: taxes = [], total, currency, ...others }) {
  const row = (label, amount, kind = "") => html`<div class="${kind}"><dt>${label}</dt><dd>${amount}</dd></div>`;
  const off = ({ amount, shipping: free }) => Number(amount) + Number(free ?? 0);
  return html`<dl class="sums">
    ${row("Subtotal", money(subtotal, currency))}
    ${discounts.map((each) => row(each.label, off(each) ? `−${money(off(each), currency)}` : "at checkout", "reduced"))}
    ${shipping !== undefined && row("Shipping", Number(shipping) ? money(shipping, currency) : "Free")}
    ${taxes.map(({ label, rate, amount }) => row(`${label} ${Number(rate)} %`, money(amount, currency)))}
    ${row("Total", money(total, currency), "total")}
    ${isPositive(others.amount_due) && row("Still to pay", money(others.amount_due, currency))}
    ${"net_total" in others && others.net_total !== total && row("After refunds", money(others.net_total, currency))}
  </dl>`;
}
