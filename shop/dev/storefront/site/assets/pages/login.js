// Login, registration, lost passwords and lost orders, and the pages that links in mails open.
import * as api from "../api.js";
import { field, handleForm, html, show } from "../dom.js";
import { go } from "../router.js";

const EMAIL = { name: "email", label: "E-mail", type: "email", autocomplete: "email", required: true };
const PASSWORD = { name: "password", label: "Password", type: "password", required: true };
const NEW_PASSWORD = { ...PASSWORD, autocomplete: "new-password", hint: "At least ten characters." };

/** A page with one form. `submit` returns the text that replaces it, or nothing if it goes elsewhere. */
function formPage(main, { title, intro, fields, button, links = "", submit }) {
  show(main, html`<div class="narrow center">
    <h1>${title}</h1>${intro && html`<p class="lead">${intro}</p>`}
    <form><div data-errors></div>${fields.map(field)}<button class="wide">${button}</button></form>
    <p class="muted">${links}</p></div>`);
  const form = main.querySelector("form");
  handleForm(form, async (data) => {
    const done = await submit(data);
    if (done) show(form, html`<p class="notice" role="status">${done}</p>`);
  });
  return title;
}

/** Only a path of this site: an address from outside must not lead elsewhere. */
const nextOf = (query) => (/^\/(?![/\\])/.test(query.get("next") ?? "") ? query.get("next") : "/account");

export function login(main, _, query) {
  return formPage(main, {
    title: "Log in",
    fields: [{ ...EMAIL, autocomplete: "username" }, { ...PASSWORD, autocomplete: "current-password" }],
    button: "Log in",
    links: html`<a href="/register?next=${encodeURIComponent(nextOf(query))}">Create an account</a> ·
      <a href="/forgot-password">Forgot your password?</a> · <a href="/orders">Ordered as a guest?</a>`,
    submit: async (data) => {
      await api.logIn("login", data);
      await go(nextOf(query), { replace: true });
    },
  });
}

export function register(main, _, query) {
  return formPage(main, {
    title: "Create an account",
    fields: [{ name: "name", label: "Name", autocomplete: "name", required: true }, EMAIL, NEW_PASSWORD],
    button: "Create account",
    links: html`<a href="/login?next=${encodeURIComponent(nextOf(query))}">Have an account? Log in</a>`,
    submit: async (data) => {
      await api.logIn("register", data);
      await go(nextOf(query), { replace: true });
    },
  });
}

export function forgotPassword(main) {
  return formPage(main, {
    title: "Reset your password",
    intro: "We send a link to your e-mail address.",
    fields: [EMAIL],
    button: "Send link",
    submit: async ({ email }) => {
      await api.post("/auth/password/reset/", { email });
      return `If ${email} has an account, a link is on its way.`;
    },
  });
}

export function resetPassword(main, _, query) {
  return formPage(main, {
    title: "Choose a new password",
    fields: [{ ...NEW_PASSWORD, name: "new_password" }],
    button: "Save password",
    submit: async (data) => {
      await api.post("/auth/password/reset/confirm/", { uid: query.get("uid"), token: query.get("token"), ...data });
      return html`Your password is changed. <a href="/login">Log in</a>`;
    },
  });
}

export function verifyEmail(main, _, query) {
  return confirmLink(main, query, "Confirm your e-mail address", "/auth/email/verify/confirm/");
}

export function changeEmail(main, _, query) {
  return confirmLink(main, query, "Change your e-mail address", "/auth/email/change/confirm/");
}

/** With a button, because programs that check mails open their links, too. */
function confirmLink(main, query, title, path) {
  return formPage(main, {
    title,
    fields: [],
    button: "Confirm",
    submit: async () => {
      await api.post(path, { uid: query.get("uid"), token: query.get("token") });
      return html`Done. <a href="/account">To your account</a>`;
    },
  });
}

export const findOrder = (main) => showLookup(main);

export function showLookup(main, number = "") {
  return formPage(main, {
    title: "Find an order",
    intro: "We send a link to the order to the e-mail address that it was placed with.",
    fields: [{ name: "number", label: "Order number", value: number, required: true }, EMAIL],
    button: "Send link",
    links: html`<a href="/login?next=${encodeURIComponent(number ? `/orders/${number}` : "/account")}">Log in</a> to see the
      orders of your account.`,
    submit: async (data) => {
      await api.post("/orders/lookup/", data);
      return "If the number and the address belong together, a link is on its way.";
    },
  });
}
