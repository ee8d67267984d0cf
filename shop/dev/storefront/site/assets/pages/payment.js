import * as api from "../api.js";
import { handleForm, html, show } from "../dom.js";
import { isPayable, isPositive, money } from "../format.js";
import { showCardForm } from "../parts/card-form.js";
import { lineList, sums } from "../parts/sums.js";
import { go } from "../router.js";

export async function pay(main, { number }) {
  const order = await api.get(`/orders/${number}/`);
  if (!isPayable(order)) {
    go(`/orders/${number}`, { replace: true });
    return "Order";
  }
  const payment = await api.post("/payments/", { order: number }, { order: number, once: true });
  const amount = money(isPositive(order.amount_due) ? order.amount_due : order.total, order.currency);
  show(main, html`
    <h1>Payment</h1>
    <div class="with-summary">
      <form><div data-errors></div><div class="card-form"></div><button class="wide">Pay ${amount}</button></form>
      <section class="summary" aria-label="Your order"><h2>Order ${number}</h2>
        ${lineList(order.lines, order.currency)}${sums(order)}</section>
    </div>`);
  const confirm = await showCardForm(main.querySelector(".card-form"), payment);
  const address = `/orders/${number}?redirect_status=succeeded`;
  handleForm(main.querySelector("form"), async () => {
    await confirm(location.origin + `/orders/${number}`);
    await go(address, { replace: true });
  });
  return "Payment";
}
