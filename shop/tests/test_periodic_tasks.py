"""Periodic tasks take turns with each other and with jobs, and continue where a killed worker stopped."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import Product
from orders import expiry
from orders.models import Order
from shop import jobs
from shop.dev.testing.steps import order_of, place_order, run_concurrently
from shop.dev.testing.tasks import run_due_tasks
from shop.jobs import Job, PeriodicTask, TimeLimit, periodic

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Walk:
    """A task in five slices that remembers its cursors."""

    def __init__(self) -> None:
        self.cursors: list[Any] = []
        self.then: Callable[[], None] = lambda: None

    def __call__(self, cursor: Any) -> Any:
        self.cursors.append(cursor)
        self.then()
        after = {"after": cursor["after"] + 1 if cursor else 1}
        return after if after["after"] < 5 else None


@pytest.fixture(autouse=True)
def only_our_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "_tasks", {})


@pytest.fixture
def walk() -> Walk:
    """Registered as the daily task ``tests.walk``."""
    task = Walk()
    jobs.every_in_slices(86_400, name="tests.walk")(task)
    return task


def task() -> PeriodicTask:
    return PeriodicTask.objects.get(name="tests.walk")


def seconds_until_due() -> float:
    return (task().due_at - timezone.now()).total_seconds()


def due_again() -> None:
    PeriodicTask.objects.update(due_at=timezone.now() - timedelta(milliseconds=1))


def broken() -> None:
    raise ZeroDivisionError("out of order")


def test_a_task_runs_at_its_time_once_for_all_workers() -> None:
    ran: list[int] = []
    jobs.every_in_slices(60, name="tests.tick")(lambda _: ran.append(1))
    assert sum(run_concurrently(*[jobs.run_next_task] * 4)) == 1
    assert ran == [1]
    assert jobs.run_next_task() is False
    assert 55 < (PeriodicTask.objects.get().due_at - timezone.now()).total_seconds() < 61
    due_again()
    assert sum(run_concurrently(*[jobs.run_next_task] * 4)) == 1
    assert ran == [1, 1]


def test_a_task_that_fails_does_not_stop_the_others_and_is_soon_tried_again() -> None:
    ran: list[int] = []
    jobs.every_in_slices(86_400, name="tests.walk")(lambda _: broken())
    jobs.every_in_slices(60, name="tests.fine")(lambda _: ran.append(1))
    assert run_due_tasks() == 2
    assert ran == [1]
    assert 3 < seconds_until_due() < 6
    due_again()
    run_due_tasks()
    assert 8 < seconds_until_due() < 11
    PeriodicTask.objects.update(failures=1000)
    due_again()
    run_due_tasks()
    assert 3590 < seconds_until_due() < 3601


def test_a_task_that_fails_is_not_tried_less_often_than_it_is_due() -> None:
    jobs.every_in_slices(2, name="tests.walk")(lambda _: broken())
    PeriodicTask.objects.create(name="tests.walk", due_at=timezone.now(), failures=9)
    run_due_tasks()
    assert 0 < seconds_until_due() < 3


def test_a_task_in_slices_is_done_after_the_last_one_until_its_next_period(walk: Walk) -> None:
    assert run_due_tasks() == 5
    assert walk.cursors == [None, {"after": 1}, {"after": 2}, {"after": 3}, {"after": 4}]
    assert task().cursor is None
    assert 86_390 < seconds_until_due() < 86_401
    due_again()
    run_due_tasks()
    assert walk.cursors[5:] == walk.cursors[:5]


def test_a_slice_that_fails_keeps_its_cursor_and_is_soon_tried_again(walk: Walk) -> None:
    jobs.run_next_task()
    walk.then = broken
    assert run_due_tasks() == 1
    assert (task().cursor, task().failures) == ({"after": 1}, 1)
    assert 3 < seconds_until_due() < 6
    walk.then = lambda: None
    due_again()
    assert run_due_tasks() == 4
    assert walk.cursors[1:3] == [{"after": 1}, {"after": 1}]
    assert (task().cursor, task().failures) == (None, 0)


def test_a_cursor_at_which_a_task_fails_again_and_again_is_dropped(walk: Walk) -> None:
    jobs.run_next_task()
    walk.then = broken
    for _ in range(periodic.MAX_FAILURES):
        assert task().cursor == {"after": 1}
        due_again()
        assert run_due_tasks() == 1
    assert (task().cursor, task().failures) == (None, periodic.MAX_FAILURES)
    assert 86_390 < seconds_until_due() < 86_401
    walk.then = lambda: None
    due_again()
    assert run_due_tasks() == 5
    assert (task().cursor, task().failures) == (None, 0)


def test_a_task_whose_worker_was_killed_continues_when_its_lease_is_over(walk: Walk) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    jobs.run_next_task()
    walk.then = killed
    with pytest.raises(KeyboardInterrupt):
        jobs.run_next_task()
    walk.then = lambda: None
    assert jobs.run_next_task() is False
    assert 55 < seconds_until_due() < 61
    due_again()
    assert run_due_tasks() == 4
    assert walk.cursors == [None, {"after": 1}, {"after": 1}, {"after": 2}, {"after": 3}, {"after": 4}]


def test_workers_at_once_run_each_slice_once(walk: Walk) -> None:
    assert sum(run_concurrently(*[run_due_tasks] * 4)) == 5
    assert sorted(cursor["after"] for cursor in walk.cursors if cursor) == [1, 2, 3, 4]


def test_a_lost_lease_does_not_set_a_task_back(walk: Walk) -> None:
    def another_worker_was_faster() -> None:
        walk.then = lambda: None
        due_again()
        run_due_tasks()

    walk.then = another_worker_was_faster
    jobs.run_next_task()
    assert task().cursor is None
    assert 86_390 < seconds_until_due() < 86_401


def test_a_slow_task_delays_neither_expiry_nor_jobs(
    as_customer: APIClient, make_product: Callable[..., Product], walk: Walk
) -> None:
    number = place_order(as_customer, make_product())["number"]
    Job.objects.all().delete()
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    seen: list[tuple[str, int]] = []

    def look() -> None:
        seen.append((order_of(as_customer, number)["status"], Job.objects.count()))
        Job.objects.create(kind="tests.walked", payload={"slices": len(seen)})

    jobs.every_in_slices(5, name="orders.expire")(expiry.expire_in_slices)
    jobs.job("tests.walked")(lambda slices: None)
    now = timezone.now()
    PeriodicTask.objects.create(name="tests.walk", due_at=now - timedelta(seconds=2))
    PeriodicTask.objects.create(name="orders.expire", due_at=now - timedelta(seconds=1))
    walk.then = look
    try:
        call_command("worker", "--once")
    finally:
        del jobs._kinds["tests.walked"]
    # The jobs of an expired order are the mail and the count of sales.
    assert seen == [("pending", 0), *[("cancelled", 0)] * 4]
    assert not Job.objects.filter(kind="tests.walked").exists()


def test_the_task_that_waits_longest_runs_first() -> None:
    ran: list[str] = []
    now = timezone.now()
    for position, name in enumerate("bca"):
        jobs.every_in_slices(60, name=name)(lambda _, name=name: ran.append(name))
        PeriodicTask.objects.create(name=name, due_at=now - timedelta(seconds=9 - position))
    run_due_tasks()
    assert ran == ["b", "c", "a"]


def test_a_task_that_the_worker_does_not_know_is_left_alone() -> None:
    PeriodicTask.objects.create(name="tests.walk", due_at=timezone.now(), cursor=[1])
    due_again()
    assert jobs.run_next_task() is False
    assert task().cursor == [1]


def test_the_task_of_older_releases_is_deleted() -> None:
    for name in ("cart.forget_guests", "tests.walk"):
        PeriodicTask.objects.create(name=name, due_at=timezone.now())
    import_module("shop.migrations.0010_task_of_older_releases").delete_unknown_task(apps, None)
    assert PeriodicTask.objects.get().name == "tests.walk"


def test_a_time_limit_lets_at_least_one_item_pass() -> None:
    clock = Clock()
    limit = TimeLimit(1, clock=clock)
    assert (limit.is_over, list(limit.limit("abc"))) == (False, ["a", "b", "c"])
    passed = []
    for item in limit.limit("abc"):
        passed.append(item)
        clock.now += 0.6
    assert (passed, limit.is_over, list(limit.limit("abc"))) == (["a", "b"], True, ["a"])
