from functools import cache

from prometheus_client import Counter, Histogram
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

SECONDS = Histogram("shop_mongodb_command_seconds", "MongoDB commands by name, with their time.", ["command"])
FAILURES = Counter("shop_mongodb_command_failures", "MongoDB commands that failed.", ["command"])

# `labels` takes longer than the observation. The names are few.
_seconds = cache(SECONDS.labels)


class CommandMetrics(CommandListener):
    def started(self, event: CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: CommandSucceededEvent) -> None:
        _seconds(event.command_name).observe(event.duration_micros / 1_000_000)

    def failed(self, event: CommandFailedEvent) -> None:
        _seconds(event.command_name).observe(event.duration_micros / 1_000_000)
        FAILURES.labels(event.command_name).inc()
