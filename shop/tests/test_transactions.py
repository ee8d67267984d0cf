"""Transactions, with failures of MongoDB."""

import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pymongo.errors import OperationFailure, PyMongoError
from structlog.testing import capture_logs

from shop.api.errors import is_database_unresponsive
from shop.db import transactions
from shop.db.deadline import limited_database_time
from shop.db.transactions import TransactionContention, in_transaction, on_commit, snapshot, transactional
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import UNKNOWN_COMMIT, WRITE_CONFLICT, failing
from shop.dev.testing.steps import run_concurrently
from shop.jobs import PeriodicTask

pytestmark = pytest.mark.django_db


class Body:
    """Writes one row in a transaction, and counts its calls and those of its hooks."""

    def __init__(self) -> None:
        self.calls = 0
        self.hooks: list[int] = []

    @transactional("tests.body")
    def __call__(self, name: str = "row") -> str:
        assert in_transaction()
        self.calls += 1
        call = self.calls
        on_commit(lambda: self.hooks.append(call))
        PeriodicTask(name=name, due_at=timezone.now()).save(force_insert=True)
        return f"attempt {call}"


@pytest.fixture
def body(db: None) -> Body:
    return Body()


def rows() -> int:
    return PeriodicTask.objects.count()


def is_clean() -> bool:
    """Return whether the connection is reset, by a transaction that rolls back."""

    @transactional("tests.rolls_back")
    def write_and_fail() -> None:
        PeriodicTask(name="never", due_at=timezone.now()).save(force_insert=True)
        on_commit(lambda: pytest.fail("a hook of a transaction that was rolled back"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    return (
        not PeriodicTask.objects.filter(name="never").exists()
        and connection.session is None
        and connection.nested_atomics == 0
        and not in_transaction()
        and connection.run_on_commit == []
    )


def test_what_a_transaction_wrote_is_there_and_its_hook_runs_once_after_it(body: Body) -> None:
    seen: list[bool] = []

    @transactional("tests.hook")
    def write() -> None:
        on_commit(lambda: seen.extend([in_transaction(), PeriodicTask.objects.filter(name="row").exists()]))
        body()
        assert seen == []

    write()
    assert seen == [False, True]
    assert (rows(), body.calls, body.hooks) == (1, 1, [1])
    assert is_clean()


def test_an_exception_rolls_everything_back(body: Body) -> None:
    @transactional("tests.fails")
    def write_and_fail() -> None:
        body()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert (rows(), body.calls, body.hooks) == (0, 1, [])
    assert is_clean()


def test_a_transaction_inside_another_is_part_of_it(body: Body) -> None:
    @transactional("tests.outer")
    def outer(fail: bool) -> None:
        body("inner")
        assert in_transaction()
        if fail:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outer(fail=True)
    assert rows() == 0
    outer(fail=False)
    assert rows() == 1
    assert body.hooks == [2]


def test_without_a_transaction_a_hook_runs_at_once(db: None) -> None:
    seen: list[str] = []
    on_commit(lambda: 1 / 0)
    on_commit(lambda: seen.append("now"))
    assert seen == ["now"]


def test_a_hook_that_fails_neither_stops_the_others_nor_undoes_the_commit(body: Body) -> None:
    @transactional("tests.hooks")
    def write() -> str:
        on_commit(lambda: 1 / 0)
        return body()

    assert write() == "attempt 1"
    assert (rows(), body.hooks) == (1, [1])
    assert is_clean()


@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_write_conflict_runs_the_body_again(body: Body, command: str, times: int) -> None:
    with failing(command, times=times, **WRITE_CONFLICT):
        assert body() == f"attempt {times + 1}"
    assert (rows(), body.hooks) == (1, [times + 1])
    assert is_clean()


@pytest.mark.parametrize("fault", [UNKNOWN_COMMIT, {"closeConnection": True}], ids=["code 91", "connection lost"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_commit_with_unknown_outcome_is_retried_alone_and_applied_once(body: Body, fault: dict, times: int) -> None:
    with failing("commitTransaction", times=times, **fault):
        assert body() == "attempt 1"
    assert (rows(), body.calls, body.hooks) == (1, 1, [1])
    assert is_clean()


def test_a_commit_whose_answer_alone_was_bad_is_applied_once(body: Body) -> None:
    # The server commits, then reports that it does not know whether a majority has the commit.
    concern = {"code": 91, "errmsg": "shutting down", "errorLabels": ["RetryableWriteError"]}
    with failing("commitTransaction", writeConcernError=concern):
        assert body() == "attempt 1"
    assert (rows(), body.calls, body.hooks) == (1, 1, [1])
    assert is_clean()


@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
def test_another_error_is_not_repeated_and_leaves_the_connection_clean(body: Body, command: str) -> None:
    with failing(command, errorCode=8000), pytest.raises((DatabaseError, PyMongoError)) as raised:
        body()
    error = raised.value.__cause__ or raised.value
    assert isinstance(error, OperationFailure)
    assert error.code == 8000
    assert (rows(), body.calls, body.hooks) == (0, 1, [])
    assert is_clean()


def test_a_lost_connection_in_the_middle_runs_the_body_again(body: Body) -> None:
    with failing("insert", closeConnection=True):
        assert body() == "attempt 2"
    assert (rows(), body.hooks) == (1, [2])
    assert is_clean()


def test_conflicts_without_end_give_up_and_leave_the_connection_clean(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 1.0)
    with failing("insert", times=None, **WRITE_CONFLICT), pytest.raises(TransactionContention):
        body()
    assert body.calls > 3
    assert (rows(), body.hooks) == (0, [])
    assert is_clean()
    assert body().startswith("attempt")


def test_a_commit_that_stays_unknown_gives_up_and_runs_no_hook(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.3)
    with failing("commitTransaction", times=None, **UNKNOWN_COMMIT), pytest.raises(PyMongoError):
        body()
    assert (body.calls, body.hooks) == (1, [])
    assert is_clean()


def test_a_commit_that_stays_unknown_gets_only_the_time_that_the_body_left(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.5)

    @transactional("tests.slow")
    def slow() -> None:
        body("another row")
        time.sleep(0.6)

    unknown = failing("commitTransaction", times=None, **UNKNOWN_COMMIT)
    with unknown, count_commands() as sent, pytest.raises(PyMongoError):
        slow()
    # Once by the shop, and once more by the driver, which retries every commit.
    assert sent.names.count("commitTransaction") == 2


def test_a_request_whose_time_is_over_gives_its_locks_back(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    PeriodicTask.objects.create(name="row", due_at=timezone.now())

    @transactional("tests.write")
    def write() -> None:
        PeriodicTask.objects.filter(pk="row").update(due_at=timezone.now())
        PeriodicTask.objects.get(pk="row")

    slow = failing("aggregate", PeriodicTask, times=None, blockConnection=True, blockTimeMS=1000)
    # A second try has no time left.
    with limited_database_time(0.5), slow, pytest.raises(DatabaseError) as caught:
        write()
    assert is_database_unresponsive(caught.value)
    assert is_clean()
    # A row that is still locked would be a conflict at once.
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.0)
    write()


@pytest.mark.parametrize(
    ("attempt", "seconds_left", "longest"),
    [(1, 7.0, 0.004), (5, 7.0, 0.064), (6, 7.0, 0.128), (7, 7.0, 0.25), (2000, 7.0, 0.25), (7, 3.5, 0.125), (1, -1, 0)],
)
def test_pauses_double_up_to_a_limit_that_shrinks_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, attempt: int, seconds_left: float, longest: float
) -> None:
    monkeypatch.setattr(transactions.random, "uniform", lambda low, high: (low, high))
    assert transactions._pause(attempt, seconds_left=seconds_left) == pytest.approx((0, longest))


def test_pauses_know_the_time_that_is_left(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []
    monkeypatch.setattr(transactions, "_pause", lambda attempt, *, seconds_left: left.append(seconds_left) or 0.0)
    with failing("insert", times=2, **WRITE_CONFLICT):
        body()
    assert 0 < left[1] < left[0] < transactions.GIVE_UP_SECONDS


@pytest.mark.parametrize(("conflicts", "reported"), [(20, []), (21, [22])])
def test_a_transaction_that_was_repeated_often_is_logged(
    body: Body, monkeypatch: pytest.MonkeyPatch, conflicts: int, reported: list[int]
) -> None:
    monkeypatch.setattr(transactions, "LONGEST_PAUSE_SECONDS", 0.0)
    with capture_logs() as logs, failing("insert", times=conflicts, **WRITE_CONFLICT):
        body()
    assert [log["attempt"] for log in logs if log["event"] == "transaction_contention"] == reported


def test_many_at_once_on_one_row_lose_no_update(db: None) -> None:
    moment = timezone.now().replace(microsecond=0)
    PeriodicTask.objects.create(name="row", due_at=moment)

    @transactional("tests.read_then_write")
    def one_second_later() -> None:
        # Read and written back, so that only a conflict keeps two from doing the same.
        now = PeriodicTask.objects.get(pk="row").due_at
        PeriodicTask.objects.filter(pk="row").update(due_at=now + timedelta(seconds=1))

    run_concurrently(*[one_second_later] * 12)
    assert (PeriodicTask.objects.get().due_at - moment).total_seconds() == 12


def test_a_snapshot_shows_one_moment(body: Body) -> None:
    body("row")
    with snapshot():
        assert rows() == 1
        run_concurrently(lambda: body("another row"))
        assert rows() == 1
    assert rows() == 2
    assert is_clean()
