// Texts from the API's values: money, dates, options, statuses.

export function money(amount, currency) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
}

export const date = (value) => new Intl.DateTimeFormat(undefined, { dateStyle: "long" }).format(new Date(value));

export function time(value) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

export const isPositive = (amount) => Number(amount) > 0;

/** "Coral, M" */
export const optionsText = (options) => Object.values(options).join(", ");

/** The lines of an address, for a person to read. */
export function addressLines(address) {
  const place = [address.postal_code, address.city, address.state].filter(Boolean).join(" ");
  const lines = [address.name, address.company, address.line1, address.line2, place, countryName(address.country)];
  return lines.filter(Boolean);
}

const countries = new Intl.DisplayNames(undefined, { type: "region" });

export const countryName = (code) => countries.of(code);

// Where the API's word alone does not say it.
const EVENTS = {
  placed: "Order placed", expired: "Cancelled, because it was not paid in time", withdrawn: "Withdrawal received",
  tracking_changed: "Tracking updated", items_cancelled: "Remaining items cancelled", corrected: "Order changed",
  return_rejected: "Return declined", dispute_won: "Dispute closed", dispute_lost: "Dispute closed",
};

export const eventText = (event) => EVENTS[event] ?? capital(event);

/** One line for what matters most about an order now. */
export function orderStatus(order) {
  if (order.status === "cancelled") return "Cancelled";
  if (isPayable(order)) return order.payment_status === "failed" ? "Payment failed" : "Waiting for payment";
  if (order.payment_status === "processing") return "Payment is being processed";
  if (["refunded", "partially_refunded"].includes(order.payment_status)) return capital(order.payment_status);
  return order.fulfilment_status === "unfulfilled" ? "Being prepared" : capital(order.fulfilment_status);
}

export function isPayable(order) {
  const isUnpaid = order.status === "pending" && ["unpaid", "failed"].includes(order.payment_status);
  return isUnpaid || isPositive(order.amount_due);
}
