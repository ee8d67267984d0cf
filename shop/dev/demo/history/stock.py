"""Stock movements of orders."""

from catalog.models import StockMovement
from orders.events import Event
from shop.dev.demo.bulk import BulkWriter, template
from shop.dev.demo.history import fates
from shop.dev.demo.history.catalog import Ledger
from shop.dev.demo.history.plan import Plan, at
from shop.dev.demo.history.stories import Story


class Movements:
    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self._plan, self._ledger = plan, ledger
        self._movement = template(StockMovement(delta=0))
        self._movements = 0

    def write(self, story: Story, products: list[tuple[int, int]], writer: BulkWriter) -> None:
        closing = next((step for step in story.steps if step.event in fates.CLOSING), None)
        ledger, is_sale = self._ledger, story.document["counts_as_sale"]
        for product, quantity in products:
            ledger.reserved[product] += quantity
            ledger.held[product] += 0 if closing else quantity
            ledger.sold[product] += quantity if is_sale else 0
            self._move(story, product, story.placed, -quantity, StockMovement.Reason.ORDER, writer)
            if closing:
                expired = closing.event == Event.EXPIRED
                reason = StockMovement.Reason.EXPIRY if expired else StockMovement.Reason.CANCELLATION
                self._move(story, product, closing.moment, quantity, reason, writer)
        for step in story.steps:
            if step.event in fates.RESTOCKING and story.document["lines"][0]["restocked"]:
                product = products[0][0]
                ledger.held[product] -= 1
                ledger.sold[product] -= 1 if is_sale else 0
                self._move(story, product, step.moment, 1, fates.RESTOCKING[step.event], writer)
                break

    def _move(
        self,
        story: Story,
        product: int,
        moment: float,
        delta: int,
        reason: StockMovement.Reason,
        writer: BulkWriter,
    ) -> None:
        self._movements += 1
        movement = {
            **self._movement,
            "_id": self._plan.id("movement", self._movements, moment),
            "variant_id": self._plan.variant_id(product),
            "delta": delta,
            "reason": reason.value,
            "reference": story.code,
            "created_at": at(moment),
        }
        writer.add(StockMovement, movement)
