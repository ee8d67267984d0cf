// The fields of an address: the country decides about the state and the words.
import { field, html, select, show } from "../dom.js";
import { COUNTRIES, STATES, WITHOUT_STATE } from "./countries.js";

const NAMES = ["name", "company", "line1", "line2", "city", "state", "postal_code", "country", "phone"];

/** `prefix` is that of the API's fields, such as "shipping_address."; `kind` the browser's autocomplete section. */
export function addressFields(prefix, address = {}, kind = "") {
  const country = address.country ?? new Intl.Locale(navigator.language).region ?? "US";
  const input = (name, label, autocomplete, more = {}) => field({
    name: prefix + name, label, value: address[name] ?? "", autocomplete: `${kind} ${autocomplete}`.trim(), ...more,
  });
  return html`<div class="address" data-prefix="${prefix}">
    ${select({
      name: `${prefix}country`, label: "Country", options: COUNTRIES, value: country,
      autocomplete: `${kind} country`.trim(),
    })}
    ${input("name", "Full name", "name", { required: true })}
    ${input("company", "Company", "organization")}
    ${input("line1", "Street and number", "address-line1", { required: true })}
    ${input("line2", "Apartment, floor", "address-line2")}
    <div class="pair">
      ${input("postal_code", country === "US" ? "ZIP code" : "Postal code", "postal-code", { required: country === "US" })}
      ${input("city", "City", "address-level2", { required: true })}
    </div>
    ${stateField(prefix, country, address.state, kind)}
    ${input("phone", "Phone", "tel", { type: "tel", hint: "For questions about the delivery." })}
  </div>`;
}

function stateField(prefix, country, value, kind) {
  if (WITHOUT_STATE.has(country)) return null;
  const about = { name: `${prefix}state`, value: value ?? "", autocomplete: `${kind} address-level1`.trim() };
  if (country in STATES) {
    return select({ ...about, label: country === "CA" ? "Province" : "State", options: STATES[country], required: true });
  }
  return field({ ...about, label: "State or province" });
}

/** Show the fields again when the country changes, with what was typed. */
export function followCountry(form) {
  form.addEventListener("change", ({ target }) => {
    if (!target.name?.endsWith("country")) return;
    const place = target.closest(".address");
    const { prefix } = place.dataset;
    const kind = target.autocomplete.split(" ").at(-2) ?? "";
    const typed = { ...readAddress(form, prefix), state: "" };
    const holder = document.createElement("div");
    show(holder, addressFields(prefix, typed, kind));
    place.replaceWith(holder.firstElementChild);
    form.elements.namedItem(target.name).focus();
  });
}

export function readAddress(form, prefix = "") {
  const values = NAMES.map((name) => [name, form.elements.namedItem(prefix + name)?.value.trim() ?? ""]);
  return Object.fromEntries(values);
}
