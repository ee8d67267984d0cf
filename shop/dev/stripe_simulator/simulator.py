import time
from pathlib import Path
from types import TracebackType
from typing import Self

from . import events
from .api import Api
from .clockwork import Clockwork
from .control import ControlPlane
from .delivery import Courier
from .faults import Faults
from .server import Front
from .session import Account
from .store import Store


class StripeSimulator(ControlPlane):
    """A Stripe account at ``url``, from `start` to `close`.

    ``state``: file that survives restarts. ``first_retry``: seconds, doubled with each failure.
    """

    def __init__(
        self,
        *,
        webhook_url: str | None = None,
        webhook_secret: str = "whsec_simulator",  # noqa: S107
        secret_key: str = "sk_test_simulator",  # noqa: S107
        publishable_key: str = "pk_test_simulator",
        port: int = 0,
        state: Path | str | None = None,
        later_seconds: float = 2.0,
        first_retry: float = 1.0,
        delivery_timeout: float = 10.0,
        delivery_workers: int = 4,
    ) -> None:
        store = Store(Path(state) if state else None)
        self.account = Account(store, secret_key, publishable_key, later_seconds)
        self.faults = Faults()
        self.calls = {}
        self.courier = Courier(store, workers=delivery_workers, timeout=delivery_timeout, first_retry=first_retry)
        self.clockwork = Clockwork(self.account)
        with store.transaction():
            if webhook_url:
                store.set("webhook_url", webhook_url)
            # On a restart with the same options, keep a rotated secret.
            if store.setting("webhook_secret_given") != webhook_secret:
                store.set("webhook_secret_given", webhook_secret)
                store.set("webhook_secrets", [{"secret": webhook_secret, "expires": None}])
        try:
            self._front = Front(port, Api(self.account), self)
        except OSError:
            store.close()
            raise
        self.url = self.account.base_url = f"http://127.0.0.1:{self._front.server_port}"

    @property
    def webhook_secret(self) -> str:
        return events.signing_secrets(self.account.store)[0]

    def start(self) -> Self:
        self.courier.start()
        self.clockwork.start()
        self._front.start()
        return self

    def close(self) -> None:
        self.clear_faults()
        self._front.close()
        self.clockwork.close()
        self.courier.close()
        self.account.store.close()

    def stop_listening(self, seconds: float) -> None:
        """Refuse connections for some seconds; not for HTTP callers."""
        port = self._front.server_port
        self._front.close()
        time.sleep(seconds)
        self._front = Front(port, Api(self.account), self)
        self._front.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
