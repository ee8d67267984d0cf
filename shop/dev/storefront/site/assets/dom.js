// Markup from templates that escape what they insert, and forms that show the API's errors.
import { ApiError } from "./api.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

class Markup {
  constructor(text) {
    this.text = text;
  }
}

/** Tagged template: `html` values are inserted as they are, arrays joined, all else escaped. */
export function html(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(asMarkup)));
}

function asMarkup(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(asMarkup).join("");
  if (value === null || value === undefined || value === false) return "";
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

export function show(element, markup) {
  element.innerHTML = asMarkup(markup);
}

/** Call `handle(event, element)` for events of the elements in `root` that match `selector`. */
export function on(root, type, selector, handle) {
  root.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element && root.contains(element)) handle(event, element);
  });
}

export function toast(markup) {
  const place = document.querySelector(".toast");
  show(place, markup);
  place.classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => place.classList.remove("shown"), 6000);
}

/** Attributes that are set, and those that are just true. */
const attributesOf = (given) => Object.entries(given).map(([name, value]) => (
  value !== false && html` ${name}="${value === true ? "" : value}"`));

/** A labelled input. `name` is the API's name of the field, dots included, so that its errors find it. */
export function field({ name, label, value = "", type = "text", hint = "", ...attributes }) {
  return html`<p class="field">
    <label for="${name}">${label}${!attributes.required && html` <span class="optional">optional</span>`}</label>
    <input id="${name}" name="${name}" type="${type}" value="${value}"${attributesOf(attributes)}>
    ${hint && html`<span class="hint">${hint}</span>`}
  </p>`;
}

export function select({ name, label, options, value = "", ...attributes }) {
  return html`<p class="field">
    <label for="${name}">${label}</label>
    <select id="${name}" name="${name}"${attributesOf(attributes)}>
      ${options.map(([each, text]) => html`<option value="${each}"${each === value && html` selected`}>${text}</option>`)}
    </select>
  </p>`;
}

/** Run `submit(data, form)` once at a time, with the API's errors shown beside the fields that they name. */
export function handleForm(form, submit) {
  form.noValidate = true;
  form.addEventListener("input", ({ target }) => clearErrors(target.closest(".field") ?? form));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearErrors(form);
    if (!markInvalidInputs(form)) return;
    const button = event.submitter ?? form.querySelector("button:not([type=button])");
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await submit(Object.fromEntries(new FormData(form)), form);
    } catch (error) {
      showErrors(form, error);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
}

function markInvalidInputs(form) {
  const invalid = [...form.elements].filter((input) => input.willValidate && !input.checkValidity());
  for (const input of invalid) showFieldError(input, input.validationMessage);
  invalid[0]?.focus();
  return invalid.length === 0;
}

function clearErrors(form) {
  form.querySelectorAll(".error").forEach((each) => each.remove());
  form.querySelectorAll("[aria-invalid]").forEach((each) => {
    each.removeAttribute("aria-invalid");
    each.removeAttribute("aria-describedby");
  });
}

export function showErrors(form, error) {
  // Errors of the program, not those that are thrown for the buyer.
  if (!(error instanceof ApiError) && error.constructor !== Error) console.error(error);
  const errors = error instanceof ApiError ? error.errors : [{ detail: error.message, attr: null }];
  const general = [];
  for (const { detail, attr } of errors) {
    const input = attr && form.elements.namedItem(attr);
    if (input instanceof HTMLElement && input.type !== "hidden") showFieldError(input, detail);
    else general.push(detail);
  }
  if (general.length) {
    const place = document.createElement("div");
    place.className = "error notice";
    place.setAttribute("role", "alert");
    show(place, general.map((detail) => html`<p>${detail}</p>`));
    (form.querySelector("[data-errors]") ?? form).prepend(place);
    place.scrollIntoView({ block: "center" });
  } else {
    form.querySelector("[aria-invalid]")?.focus();
  }
}

function showFieldError(input, text) {
  const message = document.createElement("span");
  message.className = "error";
  message.id = `${input.id}-error`;
  message.textContent = text;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", message.id);
  (input.closest(".field") ?? input.parentElement).append(message);
}
