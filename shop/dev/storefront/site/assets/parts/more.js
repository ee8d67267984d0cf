import { html } from "../dom.js";
import * as api from "../api.js";

/** Let `button` add further pages to `list`, each row by `row`, until `next` is null. */
export function startMore(button, list, next, row, loaded = () => null) {
  if (!button) return;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const page = await api.get(next).finally(() => (button.disabled = false));
    const before = list.children.length;
    list.insertAdjacentHTML("beforeend", html`${page.results.map((each) => row(each))}`.text);
    list.children[before]?.querySelector("a")?.focus({ preventScroll: true });
    next = page.next;
    button.hidden = !next;
    loaded();
  });
}

export function moreButton(next) {
  return next && html`<p class="more-pages"><button type="button" class="secondary">Show more</button></p>`;
}
