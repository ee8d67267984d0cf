"""Delayed outcomes of bank debits and refunds."""

import threading
import time

from . import payment, refunds
from .errors import ApiError
from .session import Account, Session


class Clockwork:
    """Run due actions in a thread."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="clockwork", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._account.store.changed:
            self._closing = True
            self._account.store.changed.notify_all()
        self._thread.join()

    def idle(self) -> bool:
        return not self._account.store.rows("SELECT 1 FROM later LIMIT 1")

    def _work(self) -> None:
        store = self._account.store
        with store.changed:
            while not self._closing:
                found = store.rows("SELECT * FROM later ORDER BY due LIMIT 1")
                pause = found[0]["due"] - time.time() if found else 1.0
                if pause > 0:
                    store.changed.wait(min(pause, 1.0))
                    continue
                with self._account.session() as session:
                    store.rows("DELETE FROM later WHERE id = ?", found[0]["id"])
                    # The object may have changed since.
                    try:
                        _act(session, found[0]["action"], found[0]["object"])
                    except ApiError:
                        continue


def _act(session: Session, action: str, object_id: str) -> None:
    if action.startswith("processing_"):
        intent = session.get("payment_intent", object_id)
        if intent["status"] == "processing":
            payment.finish_processing(session, intent, success=action == "processing_succeeds")
        return
    refund = session.get("refund", object_id)
    if refund["status"] != "failed":
        refunds.finish(session, refund, "succeeded" if action == "refund_succeeds" else "failed")
