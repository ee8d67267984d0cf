"""Threads of one process queue for a hot document instead of conflicting."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.models import Product
from conftest import ADDRESS, client_of
from shop.db import transactions
from shop.db.key_queue import KeyQueue
from shop.db.transactions import TransactionContention, queue_for, transactional
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, run_concurrently, stock_of
from shop.jobs import PeriodicTask


def test_waiting_threads_are_served_in_order() -> None:
    queue, served = KeyQueue(), []
    assert queue.try_acquire({"a"})
    waiting = []
    with ThreadPoolExecutor(3) as pool:

        def take(name: str, keys: set[str]) -> None:
            assert queue.acquire(keys, timeout=30)
            served.append(name)
            queue.release(keys)

        for name, keys in (("first", {"a", "b"}), ("second", {"b", "c"}), ("third", {"c"})):
            waiting.append(pool.submit(take, name, keys))
            while queue.waiting < len(waiting):
                threading.Event().wait(0.001)
        # b and c are free, but others have waited longer for them.
        assert not queue.try_acquire({"b"})
        assert not queue.try_acquire({"c"})
        assert queue.try_acquire({"d"})
        queue.release({"a"})
        for future in waiting:
            future.result(30)
    assert served == ["first", "second", "third"]
    assert queue.try_acquire({"a", "b", "c"})


def test_who_gives_up_leaves_the_queue_to_the_others() -> None:
    queue = KeyQueue()
    assert queue.try_acquire({"a"})
    assert not queue.acquire({"a", "b"}, timeout=0.01)
    assert queue.try_acquire({"b"})
    queue.release({"a"})
    assert queue.try_acquire({"a"})


@pytest.mark.django_db
def test_threads_that_write_one_document_do_not_conflict() -> None:
    PeriodicTask.objects.create(name="row", due_at=timezone.now())

    @transactional("tests.queue")
    def write() -> None:
        queue_for(["row"])
        PeriodicTask.objects.filter(pk="row").update(due_at=timezone.now())
        # The others arrive while this transaction holds the row.
        give_up_at = time.monotonic() + 2
        while not transactions.hot_keys.waiting and not done and time.monotonic() < give_up_at:
            time.sleep(0.001)
        done.append(1)

    done: list[int] = []
    with count_commands(all_threads=True) as commands:
        run_concurrently(*[write] * 12)
    # Each writes once: a conflict would have written again.
    assert commands.names.count("update") == 12
    assert commands.names.count("commitTransaction") == 12


@pytest.mark.django_db
def test_two_documents_in_opposite_order_are_no_deadlock() -> None:
    done = []

    @transactional("tests.opposite")
    def write(first: str, second: str) -> None:
        queue_for([first])
        queue_for([second])
        done.append(first)

    run_concurrently(*[lambda n=n: write("ab"[n % 2], "ba"[n % 2]) for n in range(12)])
    assert Counter(done) == {"a": 6, "b": 6}


@pytest.mark.django_db
def test_a_turn_that_does_not_come_is_contention_and_a_failure_gives_the_keys_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.1)

    @transactional("tests.fails")
    def fail() -> None:
        queue_for(["row"])
        with ThreadPoolExecutor(1) as pool, pytest.raises(TransactionContention):
            pool.submit(wait).result(30)
        raise ZeroDivisionError

    @transactional("tests.waits")
    def wait() -> None:
        queue_for(["row"])

    with pytest.raises(ZeroDivisionError):
        fail()
    wait()


@pytest.mark.django_db
@pytest.mark.usefixtures("shipping")
def test_a_hot_sale_has_no_conflicts_in_its_process_and_a_loser_writes_nothing(
    make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=12)
    Promotion.objects.create(code="HOT", kind="fixed", value=Decimal(1), usage_limit=4)
    buyers = [client_of(make_user()) for _ in range(12)]
    for buyer in buyers:
        add_to_cart(buyer, product)
        assert buyer.put(f"{API}/cart/coupon/", {"code": "HOT"}).status_code == 200

    def checkout(buyer: APIClient) -> int:
        return buyer.post(f"{API}/orders/", {"shipping_address": ADDRESS}).status_code

    with count_commands(all_threads=True) as commands:
        statuses = run_concurrently(*[lambda b=buyer: checkout(b) for buyer in buyers])
    assert Counter(statuses)[201] == 4
    assert set(statuses) <= {201, 400, 409}
    assert len(commands.on("orders_order").names) >= 4
    assert [name for name in commands.on("orders_order").names if name == "insert"] == ["insert"] * 4
    assert stock_of(product) == 8
    assert Promotion.objects.get().used == 4
    loser = buyers[[status != 201 for status in statuses].index(True)]
    assert refusal(loser.post(f"{API}/orders/", {"shipping_address": ADDRESS}), 400)[0] == "invalid_coupon"
