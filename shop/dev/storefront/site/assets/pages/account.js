// The account: orders, addresses, profile.
import * as api from "../api.js";
import { field, handleForm, html, on, show, toast } from "../dom.js";
import { addressLines, count, date, money, orderStatus } from "../format.js";
import { addressFields, followCountry, readAddress } from "../parts/address.js";
import { moreButton, startMore } from "../parts/more.js";
import { go } from "../router.js";

const PASSWORD = { type: "password", required: true };
const PAGES = [["/account", "Orders"], ["/account/addresses", "Addresses"], ["/account/profile", "Profile"]];

function frame(main, title, content) {
  show(main, html`<h1>${title}</h1>
    <nav class="chips" aria-label="Account">${PAGES.map(([path, text]) => html`
      <a href="${path}"${path === location.pathname && html` aria-current="page"`}>${text}</a>`)}
      <button type="button" data-log-out>Log out</button></nav>
    ${content}`);
  on(main, "click", "[data-log-out]", async () => {
    await api.logOut();
    await go("/");
  });
  return title;
}

export async function orders(main) {
  const [user, page] = await Promise.all([api.get("/users/me/"), api.get("/orders/")]);
  frame(main, `Hello, ${user.name}`, html`
    ${page.count === 0 && html`<p class="empty">You have not ordered anything yet.</p>`}
    <ul class="orders">${page.results.map(row)}</ul>
    ${moreButton(page.next)}`);
  startMore(main.querySelector(".more-pages button"), main.querySelector(".orders"), page.next, row);
  return "Your orders";
}

function row(order) {
  return html`<li><a href="/orders/${order.number}">${order.number}</a> <span>${date(order.created_at)}</span>
    <span>${count(order.item_count, "item")}</span> <span>${money(order.total, order.currency)}</span>
    <strong>${orderStatus(order)}</strong></li>`;
}

export async function addresses(main) {
  const page = await api.get("/users/me/addresses/", { page_size: 100 });
  frame(main, "Your addresses", html`
    <ul class="cards">${page.results.map((each) => html`<li>
      <p>${addressLines(each).map((line) => html`${line}<br>`)}</p>
      ${each.is_default && html`<p class="muted">Used first</p>`}
      <p class="line-actions"><button type="button" class="link" data-edit="${each.id}">Edit</button>
        <button type="button" class="link" data-remove="${each.id}">Remove</button>
        ${!each.is_default && html`<button type="button" class="link" data-default="${each.id}">Use first</button>`}</p>
    </li>`)}</ul>
    <section class="section narrow"><h2>New address</h2><form><div data-errors></div>
      ${addressFields("")}<button>Save address</button></form></section>`);
  const form = main.querySelector("form");
  let edited = null;
  const again = async (change) => {
    await change.catch((error) => toast(html`<p>${error.message}</p>`));
    await go("/account/addresses", { replace: true });
  };
  followCountry(form);
  handleForm(form, async () => {
    const address = readAddress(form);
    await (edited ? api.patch(`/users/me/addresses/${edited}/`, address) : api.post("/users/me/addresses/", address));
    await go("/account/addresses", { replace: true });
  });
  on(main, "click", "[data-remove]", (_, { dataset }) => again(api.remove(`/users/me/addresses/${dataset.remove}/`)));
  on(main, "click", "[data-default]", (_, { dataset }) => (
    again(api.patch(`/users/me/addresses/${dataset.default}/`, { is_default: true }))));
  on(main, "click", "[data-edit]", (_, { dataset }) => {
    edited = dataset.edit;
    main.querySelector("section h2").textContent = "Edit address";
    const holder = document.createElement("div");
    show(holder, addressFields("", page.results.find(({ id }) => id === edited)));
    form.querySelector(".address").replaceWith(holder.firstElementChild);
    form.elements.namedItem("name").focus();
  });
  return "Your addresses";
}

export async function profile(main) {
  const user = await api.get("/users/me/");
  frame(main, "Your profile", html`<div class="narrow">
    <form data-form="profile"><div data-errors></div>
      ${field({ name: "name", label: "Name", value: user.name, autocomplete: "name", required: true })}
      ${field({ name: "phone", label: "Phone", value: user.phone, type: "tel", autocomplete: "tel" })}
      <button>Save</button></form>
    <section class="section"><h2>E-mail</h2><p>${user.email}${user.email_verified && ", confirmed"}</p>
      ${!user.email_verified && html`<p>
        <button type="button" class="secondary" data-verify>Send confirmation link</button></p>`}</section>
    <section class="section"><h2>Password</h2><form data-form="password"><div data-errors></div>
      <input type="hidden" name="username" autocomplete="username" value="${user.email}">
      ${field({ ...PASSWORD, name: "old_password", label: "Current password", autocomplete: "current-password" })}
      ${field({ ...PASSWORD, name: "new_password", label: "New password", autocomplete: "new-password" })}
      <button>Change password</button></form></section></div>`);
  handleForm(main.querySelector("[data-form=profile]"), async (data) => {
    await api.patch("/users/me/", data);
    toast(html`<p>Saved.</p>`);
  });
  handleForm(main.querySelector("[data-form=password]"), async ({ old_password: old, new_password: password }, form) => {
    await api.post("/auth/password/change/", { old_password: old, new_password: password });
    // The change ends every login, this one as well.
    await api.logIn("login", { email: user.email, password });
    form.reset();
    toast(html`<p>Your password is changed.</p>`);
  });
  on(main, "click", "[data-verify]", async (_, button) => {
    await api.post("/auth/email/verify/", {});
    button.disabled = true;
    toast(html`<p>We have sent a link to ${user.email}.</p>`);
  });
  return "Your profile";
}
