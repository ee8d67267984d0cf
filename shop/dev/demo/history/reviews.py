"""Reviews of delivered products."""

import random

from orders.events import Event
from orders.reviews.models import Review
from shop.dev.demo.bulk import BulkWriter, template
from shop.dev.demo.history.catalog import Ledger
from shop.dev.demo.history.plan import DAY, Plan, at
from shop.dev.demo.history.stories import Story

_REVIEWED = 0.25
_BODIES = ("Exactly what I was looking for.", "Good, but the delivery took a week.", "It broke after a month.")


class Reviews:
    def __init__(self, plan: Plan, ledger: Ledger, chance: random.Random) -> None:
        self._plan, self._ledger, self._random = plan, ledger, chance
        self._review = template(Review())
        self._reviewed: set[tuple[int, int]] = set()
        self._reviews = 0

    def write(self, story: Story, product: int, writer: BulkWriter) -> None:
        delivered = next((step.moment for step in story.steps if step.event == Event.DELIVERED), None)
        is_sale = story.document["counts_as_sale"]
        # A refund after the deletion of the account withdraws the review; an earlier one deletes it.
        is_withdrawn = not is_sale and story.user is None
        if story.email and story.user is None:
            # Guests write no reviews.
            return
        if delivered is None or not (is_sale or is_withdrawn) or self._random.random() > _REVIEWED:
            return
        moment = delivered + 10 * DAY * self._random.random()
        pair = (product, story.customer)
        if moment > self._plan.now or pair in self._reviewed:
            return
        self._reviewed.add(pair)
        self._reviews += 1
        rating = self._random.choice((1, 2, 3, 4, 4, 5, 5, 5))
        is_hidden = self._reviews % 80 == 0 and story.user is not None
        if not is_hidden and not is_withdrawn:
            self._ledger.reviews[product] += 1
            self._ledger.stars[product] += rating
        story.document["reviews_written"] = 1
        review = {
            **self._review,
            "_id": self._plan.id("review", self._reviews, moment),
            "product_id": self._plan.product_id(product),
            "user_id": story.user,
            "rating": rating,
            "title": "Recommended" if rating > 3 else "Not for me",
            "body": _BODIES[self._reviews % len(_BODIES)],
            "is_hidden": is_hidden,
            "is_withdrawn": is_withdrawn,
            "order": story.id,
            "created_at": at(moment),
            "updated_at": at(moment),
        }
        writer.add(Review, review)
