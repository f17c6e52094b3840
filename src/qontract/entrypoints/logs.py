"""Logs: structured, one line each; JSON unless somebody is watching."""

import logging
import sys

import structlog

from qontract.application import tracing
from qontract.application.delivery.attempts import current_delivery, log_fields

_CHATTY = ("httpx", "celery.worker.strategy", "celery.app.trace", "uvicorn.error")
"""Loggers that log each step of what one line of ours says; their warnings stay."""

_MAX_TEXT_LENGTH = 16_000
"""Characters of one value in a log line."""


def configure_logs(level: str = "INFO") -> None:
    """Send all logs of this process to stderr, with what is bound in structlog's context variables."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_delivery,
        _with_span,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _without_what_is_said_twice,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [_cut, structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, _cut, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _cut(_: structlog.typing.WrappedLogger, __: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Cut what errors say, in its middle: they may repeat all that was given. An event that is lost stays whole."""
    for name in ("event", "error", "exception"):
        text = entry.get(name)
        if isinstance(text, str) and len(text) > _MAX_TEXT_LENGTH:
            half = _MAX_TEXT_LENGTH // 2
            entry[name] = f"{text[:half]}… {len(text) - 2 * half} characters left out …{text[-half:]}"
    return entry


def _with_delivery(
    _: structlog.typing.WrappedLogger, __: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add which event the running handler was given."""
    if delivery := current_delivery.get():
        for name, value in log_fields(delivery.subscription, delivery.event).items():
            entry.setdefault(name, value)
    return entry


def _with_span(
    _: structlog.typing.WrappedLogger, __: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the current span (OpenTelemetry, Trace Context in non-OTLP Log Formats)."""
    if named := tracing.traceparent():
        _, entry["trace_id"], entry["span_id"], _ = named.split("-")
    return entry


def _without_what_is_said_twice(
    _: structlog.typing.WrappedLogger, __: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drop uvicorn's second form of its message, with colours."""
    entry.pop("color_message", None)
    return entry
