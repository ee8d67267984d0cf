// Reviews of a product, and the form for those who bought it.
import * as api from "../api.js";
import { field, handleForm, html, select, show } from "../dom.js";
import { date } from "../format.js";
import { moreButton, startMore } from "./more.js";
import { stars } from "./product-card.js";

const RATINGS = [["5", "5, excellent"], ["4", "4, good"], ["3", "3, fair"], ["2", "2, poor"], ["1", "1, bad"]];

export async function showReviews(place, { id, slug }) {
  const path = `/products/${slug}/reviews/`;
  const [page, mine] = await Promise.all([
    api.get(path),
    api.isLoggedIn() ? api.get(path, { mine: true }) : { results: [] },
  ]).catch(() => []);
  if (!page) return;
  show(place, html`
    <h2>Reviews</h2>
    ${page.results.length === 0 && html`<p class="muted">No one has reviewed this yet.</p>`}
    <ul class="reviews">${page.results.map(review)}</ul>
    ${moreButton(page.next)}
    ${api.isLoggedIn() && mine.results.length === 0 && form()}`);
  startMore(place.querySelector(".more-pages button"), place.querySelector(".reviews"), page.next, review);
  const written = place.querySelector("form");
  if (written) {
    handleForm(written, async ({ rating, title, body }) => {
      await api.post(path, { rating: Number(rating), title, body });
      await showReviews(place, { id, slug });
    });
  }
}

function review({ rating, title, body, reviewer, created_at: at, is_mine: isMine }) {
  return html`<li>${stars(rating)} ${title && html`<strong>${title}</strong>`}
    ${body && html`<p>${body}</p>`}
    <p class="muted">${isMine ? "You" : (reviewer ?? "A customer")}, ${date(at)}</p></li>`;
}

function form() {
  return html`<details><summary>Write a review</summary>
    <form class="narrow">
      <div data-errors></div>
      ${select({ name: "rating", label: "Rating", options: RATINGS })}
      ${field({ name: "title", label: "Title", maxlength: 200 })}
      <p class="field"><label for="body">Review <span class="optional">optional</span></label>
        <textarea id="body" name="body" rows="4"></textarea></p>
      <button>Publish</button>
    </form></details>`;
}
