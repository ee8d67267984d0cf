import time
from contextlib import suppress

from django.utils import timezone

from accounts.models import User
from accounts.tokens import issue_tokens
from catalog import services as catalog
from catalog.models import Product, StockMovement
from orders.models import Order
from shop.dev.demo.history import REGULAR, Sizes, seed_history
from shop.dev.faults.buyers import Buyer
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios.kills import CLAIM_SECONDS
from shop.dev.faults.state import Person
from shop.dev.faults.world import ShopWorld, World
from shop.jobs import Job, PeriodicTask

# One in a hundred is the regular customer's, more than a deletion detaches at once.
ORDERS = 30_000
PRODUCTS = 1_000
KILLS = 25
FINISH_SECONDS = 180.0
_JOBS = ("accounts.delete_closed", "catalog.set_active")
_TASK = "catalog.sum_movements"


def upkeep(world: World, results: Results) -> None:
    """Workers are killed while they delete a large account, hide products and sum up stock: all of it ends, once."""
    assert isinstance(world, ShopWorld)  # noqa: S101
    seed_history(Sizes(orders=ORDERS, products=PRODUCTS, customers=PRODUCTS), seed=world.random.randrange(1_000_000))
    world.stop_workers()
    movements = StockMovement.objects.count()
    orders = Order.objects.count()
    regular = User.objects.get(email=REGULAR)
    own = list(Order.objects.owned_by(regular).values_list("pk", flat=True))
    _delete_account(world, results, regular)
    products = list(Product.objects.filter(is_active=True).values_list("pk", flat=True))
    results.expect(catalog.set_active_of_many(products, is_active=False), "no product was left to a job")
    PeriodicTask.objects.update_or_create(name=_TASK, defaults={"due_at": timezone.now(), "cursor": None})
    world.start_workers(2, STOCK_MOVEMENT_MONTHS="1")
    for number in range(KILLS):
        world.progress(number, KILLS)
        time.sleep(world.random.uniform(0.5, 5.0))
        world.random.choice(world.workers).kill()
        world.restart_dead_processes()
    time.sleep(CLAIM_SECONDS)
    give_up_at = time.monotonic() + FINISH_SECONDS
    while _is_unfinished() and time.monotonic() < give_up_at:
        world.restart_dead_processes()
        time.sleep(0.5)
    results.expect(not _is_unfinished(), "a job or task did not end")
    results.expect(not User.objects.filter(pk=regular.pk).exists(), "the closed account is left")
    attached = Order.objects.filter(pk__in=own).exclude(user=None, detached_at__isnull=False).count()
    results.expect(not attached, f"{attached} orders still belong to the deleted account")
    results.expect(Order.objects.count() == orders, "an order is lost")
    shown = Product.objects.filter(pk__in=products, is_active=True).count()
    results.expect(not shown, f"{shown} products are still shown")
    left = StockMovement.objects.count()
    results.expect(left < movements, "no stock movement was summed up")
    world.stop_workers()
    results.note(
        f"upkeep: {KILLS} kills; {len(own)} orders detached, {len(products)} products hidden, {movements:,} movements "
        f"became {left:,}"
    )


def _delete_account(world: ShopWorld, results: Results, user: User) -> None:
    buyer = Buyer(world.url, Person(str(user.pk), issue_tokens(user)["access"]), results)
    results.attempt()
    answer = buyer.call("DELETE", "/users/me/")
    results.expect(answer.status == 204, f"the deletion was answered with {answer}")
    results.acknowledge()


def _is_unfinished() -> bool:
    with suppress(PeriodicTask.DoesNotExist):
        task = PeriodicTask.objects.get(name=_TASK)
        if task.cursor is not None or task.due_at <= timezone.now():
            return True
    return Job.objects.filter(kind__in=_JOBS).exists()
