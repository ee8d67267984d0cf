"""Jobs and periodic tasks run at least once, by one worker at a time, until they succeed."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from shop import jobs
from shop.db import documents
from shop.db.deadline import limited_database_time
from shop.db.transactions import transactional
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.plans import indexes_used, keys_and_documents, stages_of
from shop.dev.testing.steps import run_concurrently
from shop.dev.testing.tasks import due_again
from shop.jobs import Continue, Job, PeriodicTask, Postpone

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


class Work:
    """A handler that remembers its calls and does what ``then`` says."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.then: Callable[[], None] = lambda: None
        self.kind: jobs.JobKind
        self.enqueue: Callable[..., Job | None]

    def __call__(self, **payload: Any) -> None:
        self.calls.append(payload)
        self.then()


@pytest.fixture
def work() -> Iterator[Work]:
    """Registered as the handler of ``tests.work``."""
    function = Work()
    function.kind = jobs.job("tests.work")(function)
    function.enqueue = function.kind.enqueue
    yield function
    del jobs._kinds["tests.work"]


def broken() -> None:
    raise ZeroDivisionError("out of order")


def test_a_job_runs_when_the_worker_comes_by_and_is_gone(work: Work) -> None:
    work.enqueue(order="A", lines=[1, 2])
    assert work.calls == []
    assert jobs.run_due() == 1
    assert work.calls == [{"order": "A", "lines": [1, 2]}]
    assert not Job.objects.exists()
    assert jobs.run_due() == 0


def test_a_job_at_once_runs_after_the_commit_and_not_before(work: Work) -> None:
    @transactional("tests.enqueues")
    def change() -> None:
        work.enqueue(at_once=True, n=1)
        assert work.calls == []

    change()
    assert work.calls == [{"n": 1}]
    assert not Job.objects.exists()


def test_a_job_of_a_transaction_that_is_rolled_back_never_was(work: Work) -> None:
    @transactional("tests.fails")
    def change() -> None:
        work.enqueue(at_once=True)
        broken()

    with pytest.raises(ZeroDivisionError):
        change()
    assert (work.calls, Job.objects.count(), jobs.run_due()) == ([], 0, 0)


def test_a_job_at_once_that_uses_up_the_time_of_its_request_is_tried_again_soon(work: Work) -> None:
    work.then = lambda: list(PeriodicTask.objects.all()) and None
    slow = failing("aggregate", PeriodicTask, blockConnection=True, blockTimeMS=900)
    with limited_database_time(0.4), slow:
        work.enqueue(at_once=True)
    job = Job.objects.get()
    assert job.last_error
    assert job.run_at < timezone.now() + timedelta(seconds=2)


def test_a_job_at_once_that_fails_does_not_disturb_and_is_left_to_the_worker(work: Work) -> None:
    work.then = broken
    work.enqueue(at_once=True)
    job = Job.objects.get()
    assert (job.attempts, job.last_error) == (1, "ZeroDivisionError('out of order')")
    assert jobs.run_due() == 0
    work.then = lambda: None
    due_again()
    assert jobs.run_due() == 1
    assert (len(work.calls), Job.objects.count()) == (2, 0)


def test_a_delayed_job_waits(work: Work) -> None:
    work.enqueue(delay=timedelta(minutes=5))
    assert jobs.run_due() == 0
    due_again()
    assert jobs.run_due() == 1


def test_failures_are_tried_again_ever_later_and_given_up_in_the_end(work: Work) -> None:
    work.then = broken
    work.enqueue()
    for attempt in range(1, jobs.MAX_ATTEMPTS + 1):
        due_again()
        before = timezone.now()
        assert jobs.run_due() == 1
        job = Job.objects.get()
        assert job.attempts == attempt
        # Two seconds, four, eight, at most an hour, from a moment between the two.
        pause = timedelta(seconds=min(2**attempt, 3600))
        assert before + pause <= job.run_at + timedelta(milliseconds=1)
        assert job.run_at <= timezone.now() + pause
    assert pause == timedelta(hours=1)
    assert job.given_up_at is not None
    due_again()
    assert jobs.run_due() == 0
    assert len(work.calls) == jobs.MAX_ATTEMPTS


def test_slow_jobs_leave_time_for_periodic_tasks(work: Work) -> None:
    work.then = lambda: time.sleep(0.05)
    for _ in range(10):
        work.enqueue()
    tried = jobs.run_due(seconds=0.1)
    assert 1 <= tried <= 3
    assert (len(work.calls), Job.objects.count()) == (tried, 10 - tried)
    assert jobs.run_due() == 10 - tried


def test_one_failing_job_does_not_hold_up_the_others(work: Work) -> None:
    Job.objects.create(kind="tests.unknown")
    work.enqueue()
    assert jobs.run_due() == 2
    assert len(work.calls) == 1
    assert Job.objects.get().last_error == "KeyError('tests.unknown')"


def test_a_postponed_job_is_due_again_then_and_no_attempt_is_counted(work: Work) -> None:
    def not_yet() -> None:
        raise Postpone(90)

    work.then = not_yet
    work.enqueue()
    assert jobs.run_due() == 1
    job = Job.objects.get()
    assert (job.attempts, job.last_error) == (0, "")
    assert 85 < (job.run_at - timezone.now()).total_seconds() < 91


def test_a_job_that_continues_runs_again_after_those_that_are_due(work: Work) -> None:
    def one_of_three() -> None:
        (done,) = work.calls[-1].values()
        if done < 3:
            raise Continue(done=done + 1)

    work.then = one_of_three
    work.enqueue(done=1)
    work.enqueue(done=9)
    assert jobs.run_due() == 2
    assert [call["done"] for call in work.calls] == [1, 9]
    assert (jobs.run_due(), jobs.run_due()) == (1, 1)
    assert [call["done"] for call in work.calls] == [1, 9, 2, 3]
    assert not Job.objects.exists()


def test_a_job_that_continues_starts_its_attempts_over_and_no_longer_waits_untried(work: Work) -> None:
    def go_on() -> None:
        raise Continue(n=2)

    work.then = broken
    work.enqueue(n=1)
    jobs.run_due()
    due_again()
    work.then = go_on
    assert jobs.run_due() == 1
    job = Job.objects.get()
    assert (job.attempts, job.last_error, job.payload) == (0, "", {"n": 2})
    for n in (1, 2):
        assert work.enqueue(unless_queued=True, n=n) is not None


def test_a_job_whose_worker_is_killed_between_slices_continues_where_it_was(work: Work) -> None:
    def go_on() -> None:
        raise Continue(n=2)

    work.then = go_on
    work.enqueue(n=1)
    assert jobs.run_due() == 1
    assert Job.objects.get().lease() is True
    assert jobs.run_due() == 0
    due_again()
    work.then = lambda: None
    assert jobs.run_due() == 1
    assert work.calls == [{"n": 1}, {"n": 2}]


def test_a_lost_lease_does_not_set_a_job_back(work: Work) -> None:
    def go_on() -> None:
        raise Continue(n=work.calls[-1]["n"] + 1)

    work.then = go_on
    work.enqueue(n=1)
    slow = Job.objects.get()
    assert slow.lease() is True
    due_again()
    assert jobs.run_due() == 1
    jobs._try(slow)
    assert Job.objects.get().payload == {"n": 2}


@pytest.mark.parametrize("waits", [True, False])
def test_a_job_is_not_enqueued_again_while_it_waits_untried(work: Work, waits: bool) -> None:
    work.enqueue(a=1, b=[2])
    work.enqueue(a=2, b=[2])
    if not waits:
        Job.objects.update(attempts=1)
    again = work.enqueue(unless_queued=True, b=[2], a=1)
    assert (again is None, Job.objects.count()) == (waits, 2 if waits else 3)


def test_a_job_of_an_older_release_runs(work: Work) -> None:
    connection.database[Job._meta.db_table].insert_one(
        {"kind": "tests.work", "payload": {"n": 1}, "run_at": timezone.now(), "attempts": 0, "given_up_at": None}
    )
    assert work.enqueue(unless_queued=True, n=1) is not None
    assert jobs.run_due() == 2
    assert (work.calls, Job.objects.count()) == ([{"n": 1}] * 2, 0)


def test_looking_for_a_job_that_waits_reads_no_other(work: Work) -> None:
    for n in range(20):
        work.enqueue(n=n)
    with count_commands() as commands:
        work.enqueue(unless_queued=True, n=7)
    (look_up,) = commands
    assert keys_and_documents(look_up) == (1, 1)


def enqueue_others_and_urgent(work: Work, number: int) -> None:
    """As many of each; the urgent ones last. The first half of the others are rows of an older release."""
    documents.insert(
        *(work.kind.job({"n": n}, delay=timedelta(seconds=n - 1000), urgent=n >= number) for n in range(2 * number))
    )
    rows = connection.database[Job._meta.db_table]
    rows.update_many({"payload.n": {"$lt": number // 2}}, {"$unset": {"urgent": ""}})


def test_urgent_jobs_run_first_and_others_in_the_same_turn(work: Work) -> None:
    enqueue_others_and_urgent(work, 4)
    work.enqueue(n=8)
    assert jobs.run_due(seconds=60) == 9
    assert [call["n"] for call in work.calls] == [4, 5, 6, 7, 0, 1, 2, 3, 8]
    assert not Job.objects.exists()


def test_others_progress_however_many_urgent_jobs_wait(work: Work) -> None:
    enqueue_others_and_urgent(work, 4)
    # One urgent job uses up the time of its turn.
    for turn in range(1, 4):
        assert jobs.run_due(seconds=0) == 2
        assert sorted(call["n"] for call in work.calls) == [*range(turn), *range(4, 4 + turn)]


def test_a_turn_reads_only_the_jobs_that_it_may_run(work: Work) -> None:
    enqueue_others_and_urgent(work, 20)
    Job.objects.filter(payload__n__in=[0, 20]).update(given_up_at=timezone.now())
    with count_commands() as commands:
        assert jobs.run_due(limit=2, seconds=0) == 2
    assert [call["n"] for call in work.calls] == [21, 1]
    looked_up = [command for command in commands if command.name == "aggregate"]
    assert len(looked_up) == 2
    for command in looked_up:
        # Rows with and without the field are merged.
        assert keys_and_documents(command) in ((2, 2), (3, 2))
        assert indexes_used(command) == {"job_turn"}
        assert not stages_of(command) & {"SORT", "$sort"}


def test_workers_at_once_run_each_job_once(work: Work) -> None:
    enqueue_others_and_urgent(work, 5)
    assert sum(run_concurrently(*[jobs.run_due] * 4)) == 10
    assert sorted(call["n"] for call in work.calls) == list(range(10))


def test_a_job_under_way_is_leased(work: Work) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        began.set()
        go_on.wait(10)

    work.then = slowly
    work.enqueue()

    def another_worker() -> int:
        began.wait(10)
        try:
            return jobs.run_due()
        finally:
            go_on.set()

    assert run_concurrently(jobs.run_due, another_worker) == [1, 0]
    assert len(work.calls) == 1


def test_a_job_whose_worker_was_killed_runs_again_when_its_lease_is_over(work: Work) -> None:
    work.enqueue()
    assert Job.objects.get().lease() is True
    job = Job.objects.get()
    assert 55 < (job.run_at - timezone.now()).total_seconds() < 61
    assert (job.attempts, jobs.run_due()) == (1, 0)
    due_again()
    assert jobs.run_due() == 1
    assert (len(work.calls), Job.objects.count()) == (1, 0)


def test_a_stale_lease_is_refused(work: Work) -> None:
    work.enqueue()
    first, second = Job.objects.get(), Job.objects.get()
    assert (first.lease(), second.lease()) == (True, False)
    assert Job.objects.get().attempts == 1
