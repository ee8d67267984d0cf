"""How the shop logs: one JSON object a line in production, readable lines in development.

Nothing personal and nothing secret belongs into a log, whoever writes the line. So only the fields in ``FIELDS`` are
written, of any other nothing but its name; what a library says is written without what it filled in; and an exception
is told by its type, its place and its code, for its text may quote what somebody typed. What still looks like a
credential or an e-mail address is blotted out of the finished line.
"""

import json
import logging.config
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from traceback import extract_tb
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import orjson
import structlog
from django.conf import settings
from pymongo.errors import ConnectionFailure
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from shop import request_context

# What a line may say, beside its time, level, logger and event (a fixed sentence).
FIELDS = frozenset(
    # where it belongs to;
    "request_id user job job_id task"
    # a request;
    " method route status ms"
    # what was done, to what, and how that went: names, ids and codes of the shop's own;
    " call code event_id event_type order mail transaction attempt finding"
    # what went wrong (see `told`).
    " error".split()
)
_ALWAYS = frozenset({"at", "level", "logger", "event", "exc_info"})
_ROOMS = ("accounts", "cart", "catalog", "orders", "payments", "shop")
_LONGEST_TEXT = 300
_FRAMES = 25

# Errors of the code, which name functions and attributes, and the driver's, which name servers. What other exceptions
# say may be what somebody typed.
_QUOTABLE = (TypeError, AttributeError, NameError, ImportError, NotImplementedError, ConnectionFailure)


def logging_settings(*, level: str, readable: bool) -> dict[str, Any]:
    """Return Django's ``LOGGING``. ``level`` is of the shop's own lines; of the libraries only warnings are kept.

    What the driver of MongoDB and Stripe's library write in more detail than that are documents and bodies.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"exceptions": {"()": f"{__name__}.OnlyExceptions"}},
        "formatters": {"shop": {"()": f"{__name__}.formatter", "readable": readable}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "shop"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            **{room: {"level": level} for room in _ROOMS},
            # Without handlers of its own.
            "django": {"handlers": [], "level": "WARNING"},
            # Exceptions; that a reply is a 4xx or a 5xx is on the line of its request.
            "django.request": {"level": "ERROR", "filters": ["exceptions"]},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Django's ``LOGGING_CONFIG``: set up structlog as well as the standard library."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_CONTEXT, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(config)


def _merge_work(logger: Any, method: str, line: EventDict) -> EventDict:
    return {**request_context.log_fields(), **line}


_CONTEXT: tuple[Processor, ...] = (
    _merge_work,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)


def formatter(*, readable: bool) -> logging.Formatter:
    """Make the formatter of every line, the libraries' included."""
    as_text: list[Processor] = [_tell_exception, _as_json]
    if readable:
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), timestamp_key="at", exception_formatter=plain
        )
        as_text = [console]
    return _Formatter(
        foreign_pre_chain=_CONTEXT if readable else [*_CONTEXT, _unfilled],
        readable=readable,
        use_get_message=readable,
        pass_foreign_args=not readable,
        processors=[ProcessorFormatter.remove_processors_meta, _allow, *as_text, _blot_out],
    )


# --- The one line that every request has ------------------------------------------------------------------------------


class RequestLine(NamedTuple):
    """What is written of a request. Its fields are all allowed ones, so it takes a shorter way than other lines."""

    logger: str
    method: str
    route: str
    status: int
    ms: float

    def write(self) -> None:
        """Hand it to the log's handlers, where the level lets it through."""
        logger = logging.getLogger(self.logger)  # noqa: TID251
        if logger.isEnabledFor(logging.INFO):
            # Not `logger.info`, which looks through the stack for its caller.
            logger.handle(logging.LogRecord(self.logger, logging.INFO, "", 0, self, None, None))

    def text(self, *, readable: bool) -> str:
        at = datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"
        work = {name: value for name, value in request_context.log_fields().items() if value}
        fields = {**work, "method": self.method, "route": self.route, "status": self.status, "ms": self.ms}
        if readable:
            return f"{at} [info     ] request [{self.logger}] " + " ".join(f"{key}={fields[key]}" for key in fields)
        line = {"at": at, "level": "info", "logger": self.logger, "event": "request", **fields}
        return scrubbed(orjson.dumps(line).decode())


class _Formatter(ProcessorFormatter):
    def __init__(self, *args: Any, readable: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._readable = readable

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, RequestLine):
            return record.msg.text(readable=self._readable)
        return super().format(record)


class OnlyExceptions(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


def ms_since(started: float) -> float:
    """Return how many milliseconds ago ``time.perf_counter()`` was ``started``."""
    return round((time.perf_counter() - started) * 1000, 1)


# --- The first line of defence: what is written at all ----------------------------------------------------------------


def _allow(logger: Any, method: str, line: EventDict) -> EventDict:
    """Keep the fields that a line may have; tell the names of others."""
    kept: EventDict = {}
    withheld = []
    for key, value in line.items():
        if key in _ALWAYS:
            kept[key] = value
        elif key not in FIELDS:
            withheld.append(key)
        elif value not in ("", None):
            kept[key] = value[:_LONGEST_TEXT] if isinstance(value, str) else value
    if withheld:
        kept["withheld"] = withheld
    return kept


def _unfilled(logger: Any, method: str, line: EventDict) -> EventDict:
    """Leave of a library's message what stands in its code; where the message came complete, say where from."""
    record: logging.LogRecord = line["_record"]
    filled_in = line.pop("positional_args", None)
    if record.name == "django.request":
        line["event"] = "a request ended in an exception"
    elif not filled_in:
        line["event"] = f"said at {_short(record.pathname)}:{record.lineno}"
    return line


def _tell_exception(logger: Any, method: str, line: EventDict) -> EventDict:
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["exception"] = report(error)
    return line


def report(error: BaseException) -> list[dict[str, Any]]:
    """Return what may be written down of an exception and of what caused it: what each is, and where it was raised."""
    return [_described(each) for each in _chain(error)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and then what caused it."""
    each: BaseException | None = error
    for _ in range(5):
        if each is None:
            return
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _described(error: BaseException) -> dict[str, Any]:
    frames = extract_tb(error.__traceback__)[-_FRAMES:]
    return {"error": told(error), "at": [f"{_short(each.filename)}:{each.lineno} {each.name}" for each in frames]}


def told(error: BaseException) -> str:
    """Say what an exception is without quoting what it may have been given: its type and its code.

    Only of those that speak of code or of servers the text is told as well.
    """
    said = type(error).__name__
    code = getattr(error, "default_code", None) or getattr(error, "code", None) or getattr(error, "errno", None)
    if isinstance(code, str | int):
        said += f" ({code})"
    if isinstance(error, _QUOTABLE):
        said += f": {error}"
    return said[:_LONGEST_TEXT]


def _short(path: str) -> str:
    """Return a file's name below the project, or below where the libraries are."""
    return path.rpartition("site-packages/")[2].removeprefix(f"{settings.BASE_DIR}/")


def _as_json(logger: Any, method: str, line: EventDict) -> str:
    first = {key: line.pop(key) for key in ("at", "level", "logger", "event")}
    return orjson.dumps({**first, **line}, default=str).decode()


# --- The second line: what must not stand in any line -----------------------------------------------------------------

# None of them reaches over a quotation mark: the line stays JSON.
_SHAPES = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|(?<=://)[^/\s:@\"\\]*:[^/\s@\"\\]+(?=@)"  # user and password in an address
    r"|\b(?:sk|rk|whsec)_\w+|\b(?:pi|seti)_\w+_secret_\w+"  # Stripe's keys, and client secrets
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|(?<=[Bb]earer )[^\s\"\\]+"
)
# Without one of these there is none of the above: looking for them takes a tenth of the time.
_HINTS = ("@", "sk_", "rk_", "whsec_", "_secret_", "eyJ", "earer ")
# Shorter than this, a "secret" is a word.
_SHORTEST_SECRET = 6


def scrubbed(text: str) -> str:
    """Return ``text`` without this shop's secrets, and without what looks like a credential or an e-mail address."""
    if secrets := _secrets():
        text = secrets.sub("[secret]", text)
    return _SHAPES.sub("[withheld]", text) if any(hint in text for hint in _HINTS) else text


def _blot_out(logger: Any, method: str, line: str) -> str:
    return scrubbed(line)


@cache
def _secrets() -> re.Pattern[str] | None:
    """Match the secrets among the settings, however they may have been quoted."""
    found = {
        settings.SECRET_KEY,
        *settings.SECRET_KEY_FALLBACKS,
        settings.JWT_SECRET_KEY,
        settings.STRIPE_SECRET_KEY,
        *settings.STRIPE_WEBHOOK_SECRET.split(","),
        settings.CLOUD_API_SECRET,
        *(urlsplit(address).password or "" for address in (settings.MONGO_URI, settings.CACHE_URL, settings.EMAIL_URL)),
    }
    forms = {form for each in found for form in (each, unquote(each), quote(each), json.dumps(each)[1:-1])}
    # The longest first, so that none is left in part because another begins like it.
    alternatives = sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, alternatives))) if alternatives else None
