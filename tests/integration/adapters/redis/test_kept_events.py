"""The kept events in a real Valkey, as somebody looks at them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import redis

from qontract.adapters.redis import RedisKeptEvents
from qontract.application.inspection.event_search import EventFilter, Search
from qontract.application.ports.kept_events import KeptEvents, KeptEventsError, Span
from tests.contracts.kept_events import NOON, KeptEventsContract, Log
from tests.support.processes import free_port

STREAM = "qontract:{main}:events"


@pytest.fixture
def log(valkey_url: str) -> Log:
    client = redis.Redis.from_url(valkey_url)

    def keep(content: bytes, time: datetime) -> str:
        milliseconds = int(time.timestamp() * 1000)
        return str(client.xadd(STREAM, {"__data__": content, "__type__": "a.b"}, id=f"{milliseconds}-*").decode())  # type: ignore[union-attr] # it is no coroutine

    return Log(RedisKeptEvents(valkey_url, stream=STREAM), keep)


class TestRedisKeptEvents(KeptEventsContract):
    @pytest.fixture
    def log(self, log: Log) -> Log:
        return log


def test_an_entry_without_an_event_is_shown_by_its_fields(log: Log, valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.xadd(STREAM, {"other": b"\xff"})
    assert [event.content for event in log.kept.page(Span(), 1)] == [b'{"other": "\\\\xff"}']


def test_an_id_of_a_time_that_has_no_date_is_shown_with_the_last_one(log: Log, valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.xadd(STREAM, {"__data__": b"x"}, id="18446744073709551615-18446744073709551615")
    [event] = log.kept.page(Span(since=NOON), 10)
    assert event.kept.year == 9999
    assert list(log.kept.page(Span(after=event.entry), 10)) == []
    assert log.kept.get(event.entry) == event


def test_the_beginning_of_time_is_a_place_to_go_on(log: Log) -> None:
    log.keep(b"1", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert len(log.kept.page(Span(after="0-0"), 10)) == 1
    assert log.kept.page(Span(after="0-0", newest_first=True), 10) == []


def test_a_search_of_large_events_reads_pages_of_a_few_megabytes(log: Log, valkey_url: str) -> None:
    for _ in range(40):
        log.keep(b"x" * 1_000_000, NOON)
    with redis.Redis.from_url(valkey_url) as client:
        client.config_resetstat()
        list(Search(log.kept, EventFilter(event_id="none"), Span(), limit=1))
        calls = client.info("commandstats")["cmdstat_xrange"]["calls"]
    assert 8 <= calls <= 14  # the first has sixteen events, for it does not know better


CALLS: list[Callable[[KeptEvents], object]] = [
    lambda kept: kept.page(Span(), 1),
    lambda kept: kept.newest(),
    lambda kept: kept.get("1-1"),
]


@pytest.mark.parametrize("call", CALLS, ids=["page", "newest", "get"])
def test_a_redis_that_is_away_is_one_error_without_the_password(call: Callable[[KeptEvents], object]) -> None:
    kept = RedisKeptEvents(f"redis://:hush@127.0.0.1:{free_port()}/0", stream=STREAM)
    with pytest.raises(KeptEventsError, match="ConnectionError") as raised:
        call(kept)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("call", CALLS, ids=["page", "newest", "get"])
def test_a_key_of_another_type_is_the_same_error(
    valkey_url: str, log: Log, call: Callable[[KeptEvents], object]
) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.set(STREAM, "x")
    with pytest.raises(KeptEventsError, match="WRONGTYPE"):
        call(log.kept)


@pytest.mark.parametrize("call", CALLS, ids=["page", "newest", "get"])
def test_where_no_event_is_kept_the_error_names_the_setting(
    valkey_url: str, call: Callable[[KeptEvents], object]
) -> None:
    with pytest.raises(KeptEventsError, match="QAPI_EVENTS__STREAM is empty"):
        call(RedisKeptEvents(valkey_url, stream=""))
