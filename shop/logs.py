"""Logging without personal data: allowed fields, messages without arguments, exceptions as type, code and frames."""

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

from shop.http import request_context

# Allowed fields.
FIELDS = frozenset(
    # context
    "request_id trace_id user job job_id task"
    # request
    " method route status ms"
    # operation: names, ids and codes
    " call code event_id event_type order mail transaction attempt finding"
    # error
    " error".split()
)
_ALWAYS = frozenset({"at", "level", "logger", "event", "exc_info"})
_APPS = ("accounts", "cart", "catalog", "orders", "payments", "shop")
_LONGEST_TEXT = 300
_FRAMES = 25

# Other exceptions' text may be user input.
_QUOTABLE = (TypeError, AttributeError, NameError, ImportError, NotImplementedError, ConnectionFailure)


def logging_settings(*, level: str, readable: bool) -> dict[str, Any]:
    """``level`` is the shop's. Below WARNING, PyMongo and Stripe's library log documents and bodies."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"exceptions": {"()": f"{__name__}.OnlyExceptions"}},
        "formatters": {"shop": {"()": f"{__name__}.formatter", "readable": readable}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "shop"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            **{app: {"level": level} for app in _APPS},
            "django": {"handlers": [], "level": "WARNING"},
            # The request's line has the status.
            "django.request": {"level": "ERROR", "filters": ["exceptions"]},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Django's ``LOGGING_CONFIG``."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_CONTEXT, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(config)


def _merge_context(logger: Any, method: str, line: EventDict) -> EventDict:
    return {**request_context.log_fields(), **line}


_CONTEXT: tuple[Processor, ...] = (
    _merge_context,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)


def formatter(*, readable: bool) -> logging.Formatter:
    as_text: list[Processor] = [_format_exception, _as_json]
    if readable:
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), timestamp_key="at", exception_formatter=plain
        )
        as_text = [console]
    return _Formatter(
        foreign_pre_chain=_CONTEXT if readable else [*_CONTEXT, _without_arguments],
        readable=readable,
        use_get_message=readable,
        pass_foreign_args=not readable,
        processors=[ProcessorFormatter.remove_processors_meta, _allow, *as_text, _redact],
    )


# --- Request lines ----------------------------------------------------------------------------------------------------


class RequestLine(NamedTuple):
    """Skips the processors, because all its fields are allowed."""

    logger: str
    method: str
    route: str
    status: int
    ms: float

    def write(self) -> None:
        logger = logging.getLogger(self.logger)  # noqa: TID251
        if logger.isEnabledFor(logging.INFO):
            # `logger.info` would walk the stack.
            logger.handle(logging.LogRecord(self.logger, logging.INFO, "", 0, self, None, None))

    def text(self, *, readable: bool) -> str:
        at = datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"
        context = {name: value for name, value in request_context.log_fields().items() if value}
        fields = {**context, "method": self.method, "route": self.route, "status": self.status, "ms": self.ms}
        if readable:
            return f"{at} [info     ] request [{self.logger}] " + " ".join(f"{key}={fields[key]}" for key in fields)
        line = {"at": at, "level": "info", "logger": self.logger, "event": "request", **fields}
        return redacted(orjson.dumps(line).decode())


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
    return round((time.perf_counter() - started) * 1000, 1)


# --- Field allow-list -------------------------------------------------------------------------------------------------


def _allow(logger: Any, method: str, line: EventDict) -> EventDict:
    """List the names of other fields in ``withheld``."""
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


def _without_arguments(logger: Any, method: str, line: EventDict) -> EventDict:
    """Drop arguments; a preformatted message becomes its source location."""
    record: logging.LogRecord = line["_record"]
    filled_in = line.pop("positional_args", None)
    if record.name == "django.request":
        line["event"] = "unhandled_exception"
    elif not filled_in:
        line["event"] = f"logged at {_short(record.pathname)}:{record.lineno}"
    return line


def _format_exception(logger: Any, method: str, line: EventDict) -> EventDict:
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["exception"] = [_described(each) for each in _chain(error)]
    return line


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    for _ in range(5):
        if each is None:
            return
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _described(error: BaseException) -> dict[str, Any]:
    frames = extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "error": describe_error(error),
        "at": [f"{_short(each.filename)}:{each.lineno} {each.name}" for each in frames],
    }


def describe_error(error: BaseException) -> str:
    said = type(error).__name__
    code = getattr(error, "default_code", None) or getattr(error, "code", None) or getattr(error, "errno", None)
    if isinstance(code, str | int):
        said += f" ({code})"
    if isinstance(error, _QUOTABLE):
        said += f": {error}"
    return said[:_LONGEST_TEXT]


def _short(path: str) -> str:
    return path.rpartition("site-packages/")[2].removeprefix(f"{settings.BASE_DIR}/")


def _as_json(logger: Any, method: str, line: EventDict) -> str:
    first = {key: line.pop(key) for key in ("at", "level", "logger", "event")}
    return orjson.dumps({**first, **line}, default=str).decode()


# --- Redaction --------------------------------------------------------------------------------------------------------

# Quotation marks do not match: the line must stay valid JSON.
_SHAPES = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail address
    r"|(?<=://)[^/\s:@\"\\]*:[^/\s@\"\\]+(?=@)"  # user and password in a URL
    r"|\b(?:sk|rk|whsec)_\w+|\b(?:pi|seti)_\w+_secret_\w+"  # Stripe keys and client secrets
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # JSON Web Token
    r"|(?<=[Bb]earer )[^\s\"\\]+"
)
# Every match contains one of these, and searching for them first is faster.
_HINTS = ("@", "sk_", "rk_", "whsec_", "_secret_", "eyJ", "earer ")
# Shorter secrets could be words.
_SHORTEST_SECRET = 6


def redacted(text: str) -> str:
    """Redact secrets, credentials and e-mail addresses."""
    if secrets := _secrets():
        text = secrets.sub("[secret]", text)
    return _SHAPES.sub("[withheld]", text) if any(hint in text for hint in _HINTS) else text


def _redact(logger: Any, method: str, line: Any) -> str:
    return redacted(line)


@cache
def _secrets() -> re.Pattern[str] | None:
    """Match secrets raw, quoted and as JSON."""
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
    # Longest first: one may be the prefix of another.
    alternatives = sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, alternatives))) if alternatives else None
