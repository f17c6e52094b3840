"""The log lines of every process."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from qontract.application.delivery.attempts import current_delivery
from qontract.application.ports.event_handler import Delivery
from qontract.application.ports.tracer import Kind
from qontract.domain.events import DomainEvent
from qontract.entrypoints.logs import configure_logs
from tests.support.traces import recording

Capsys = pytest.CaptureFixture[str]
log = logging.getLogger("there")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # those of pytest are not for configure_logs to close
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines_of(capsys: Capsys) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_log_record_is_one_line_of_json(capsys: Capsys) -> None:
    configure_logs()
    log.warning("%s of %s\n", 1, 2, extra={"job": "7", "odd": {1, 2}})
    [line] = lines_of(capsys)
    assert (line["event"], line["level"], line["logger"], line["job"]) == ("1 of 2\n", "warning", "there", "7")
    assert str(line["timestamp"]).endswith("Z")


def test_a_log_line_is_bounded_though_an_error_repeats_the_data_of_an_event(capsys: Capsys) -> None:
    configure_logs()
    log.error("failed", extra={"error": "y" * 1_000_000}, exc_info=ValueError("x" * 1_000_000))
    [line] = lines_of(capsys)
    assert str(line["exception"]).startswith("ValueError: xxx")
    assert all(len(str(value)) < 17_000 for value in line.values())


def test_what_is_bound_to_the_context_is_in_the_line(capsys: Capsys) -> None:
    configure_logs()
    with structlog.contextvars.bound_contextvars(correlation_id="here"):
        log.info("done")
    assert lines_of(capsys)[0]["correlation_id"] == "here"


def test_a_line_of_a_running_handler_carries_its_own_event_and_no_other_line_does(capsys: Capsys) -> None:
    configure_logs()

    async def publish(_: Delivery, __: DomainEvent) -> None:
        raise AssertionError

    async def handle(number: int) -> None:
        event = DomainEvent(type="a.b", id=f"e-{number}", correlation_id=f"r-{number}")
        token = current_delivery.set(Delivery("reader", event, 1, publish))
        log.info("begun", extra={"number": number})
        await asyncio.sleep(0)
        structlog.get_logger("theirs").info("ended", number=number)
        current_delivery.reset(token)
        log.info("after", extra={"number": number})

    async def all_at_once() -> None:
        await asyncio.gather(*map(handle, range(3)))

    asyncio.run(all_at_once())
    found = lines_of(capsys)
    assert [line["event"] for line in found] == ["begun"] * 3 + ["ended", "after"] * 3
    for line in found:
        number, told = line["number"], {"subscription", "event_id", "event_type", "correlation_id"}
        if line["event"] == "after":
            assert not told & line.keys()
        else:
            assert (line["subscription"], line["event_type"]) == ("reader", "a.b")
            assert (line["event_id"], line["correlation_id"]) == (f"e-{number}", f"r-{number}")


def test_what_a_handler_says_of_its_own_is_not_written_over(capsys: Capsys) -> None:
    configure_logs()

    async def publish(_: Delivery, __: DomainEvent) -> None:
        raise AssertionError

    token = current_delivery.set(Delivery("reader", DomainEvent(type="a.b"), 1, publish))
    log.info("done", extra={"event_id": "another"})
    current_delivery.reset(token)
    assert lines_of(capsys)[0]["event_id"] == "another"


def test_a_line_names_the_current_span_where_spans_are_recorded_and_no_other_line_does(capsys: Capsys) -> None:
    configure_logs()
    with recording() as tracer:
        with tracer.span("work", Kind.INTERNAL, {}):
            log.info("within")
        log.info("outside")
    log.info("off")
    within, *others = lines_of(capsys)
    [span] = tracer.spans
    assert (within["trace_id"], within["span_id"]) == (span.trace_id, span.span_id)
    assert [line for line in others if "trace_id" in line or "span_id" in line] == []


def test_an_exception_is_in_the_line(capsys: Capsys) -> None:
    configure_logs()
    try:
        int("why")
    except ValueError:
        log.exception("failed")
    assert "ValueError: invalid literal" in str(lines_of(capsys)[0]["exception"])


def test_a_line_below_the_level_is_left_out(capsys: Capsys) -> None:
    configure_logs("WARNING")
    log.info("done")
    assert capsys.readouterr().err == ""


def test_a_person_who_watches_reads_text(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logs()
    log.info("done")
    assert "done" in capsys.readouterr().err
