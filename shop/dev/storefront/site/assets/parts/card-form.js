// The payment form: Stripe's Payment Element, or with `make run` a stand-in that confirms at the Stripe simulator.
import { field, html, show } from "../dom.js";

const SIMULATOR = document.querySelector("meta[name=stripe-simulator]").content;

/** Show the form in `place`; return `confirm(returnUrl)`, which throws an Error for the buyer if the payment fails. */
export function showCardForm(place, payment) {
  return SIMULATOR ? showStandIn(place, payment) : showPaymentElement(place, payment);
}

async function showPaymentElement(place, payment) {
  const stripe = (await loadStripe())(payment.publishable_key);
  const elements = stripe.elements({
    clientSecret: payment.client_secret,
    // Cards that the account has saved.
    customerSessionClientSecret: payment.customer_session_client_secret || undefined,
  });
  elements.create("payment").mount(place);
  return async (returnUrl) => {
    const confirmParams = { return_url: returnUrl };
    const { error } = await stripe.confirmPayment({ elements, confirmParams, redirect: "if_required" });
    if (error) throw new Error(error.message);
  };
}

function loadStripe() {
  return new Promise((resolve, reject) => {
    if (window.Stripe) return resolve(window.Stripe);
    const script = Object.assign(document.createElement("script"), { src: "https://js.stripe.com/v3/" });
    script.onload = () => resolve(window.Stripe);
    script.onerror = () => reject(new Error("The payment form cannot be loaded. Please try again."));
    return document.head.append(script);
  });
}

function showStandIn(place, payment) {
  show(place, html`
    <div class="notice"><p>This is a demo: no money moves. Test cards, with any later date and CVC:</p>
      <ul><li>4242 4242 4242 4242 is accepted</li><li>4000 0000 0000 0002 is declined</li>
      <li>4000 0027 6000 3184 asks the bank (3-D Secure)</li></ul></div>
    ${field({ name: "number", label: "Card number", inputmode: "numeric", autocomplete: "cc-number", required: true })}
    <div class="pair">
      ${field({ name: "expiry", label: "Expiry date", autocomplete: "cc-exp", required: true, placeholder: "MM / YY" })}
      ${field({ name: "cvc", label: "CVC", inputmode: "numeric", autocomplete: "cc-csc", required: true })}
    </div>`);
  return async (returnUrl) => {
    const value = (name) => place.querySelector(`[name=${name}]`).value.trim();
    const [month, year] = value("expiry").split("/").map((part) => part.trim());
    const card = { number: value("number"), exp_month: month, exp_year: year, cvc: value("cvc") };
    const response = await fetch(`${SIMULATOR}/v1/payment_intents/${payment.payment_intent}/confirm`, {
      method: "POST",
      body: new URLSearchParams({
        key: payment.publishable_key,
        client_secret: payment.client_secret,
        return_url: returnUrl,
        "payment_method_data[type]": "card",
        ...Object.fromEntries(Object.entries(card).map(([name, text]) => [`payment_method_data[card][${name}]`, text])),
      }),
    });
    const { error, next_action: next } = await response.json();
    if (error) throw new Error(error.message);
    if (next?.redirect_to_url) {
      location.assign(next.redirect_to_url.url);
      await new Promise(() => {});
    }
  };
}
