"""What is remembered of the events that were decoded."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.application.delivery import caching_event_format
from qontract.application.delivery.caching_event_format import CachingEventFormat
from qontract.application.ports.event_format import EventFormat
from qontract.testing.contracts.event_format import EventFormatContract


def content(**attributes: Any) -> bytes:
    return json.dumps({"specversion": "1.0", "id": "1", "source": "/here", "type": "a.b"} | attributes).encode()


@pytest.fixture
def form() -> EventFormat:
    return CachingEventFormat(CloudEventsEventFormat("/of-the-settings"))


class TestCachingEventFormat(EventFormatContract):
    @pytest.fixture
    def form(self, form: EventFormat) -> EventFormat:
        return form

    @pytest.fixture
    def no_event(self) -> bytes:
        return b"{"


def test_equal_bytes_are_decoded_once(form: EventFormat) -> None:
    raw = content(data={"a": 1})
    assert form.decode(bytes(bytearray(raw))) is form.decode(bytes(bytearray(raw)))


def test_an_event_over_64_kib_is_not_remembered(form: EventFormat) -> None:
    frame = len(content(data=""))
    at_most, above = (content(data="x" * (size - frame)) for size in (2**16, 2**16 + 1))
    assert form.decode(at_most) is form.decode(at_most)
    assert form.decode(above) is not form.decode(above)


@pytest.mark.parametrize(("size", "remembered"), [(0, 2_000), (60_000, 30)])
def test_what_is_remembered_is_bounded_in_number_and_bytes(form: EventFormat, size: int, remembered: int) -> None:
    """At least `remembered` events, the latest, and at most about twice as many."""
    contents = [content(id=str(number), data="x" * size) for number in range(5 * remembered)]
    decoded = [form.decode(raw) for raw in contents]
    kept = [form.decode(raw) is event for raw, event in zip(reversed(contents), reversed(decoded), strict=True)]
    assert all(kept[:remembered])
    assert not any(kept[2 * remembered + 10 :])


def test_threads_share_a_format(form: EventFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching_event_format, "_REMEMBERED_EVENTS", 4)
    ids = [str(number % 20) for number in range(2_000)]
    with ThreadPoolExecutor(4) as threads:
        assert [event.id for event in threads.map(form.decode, [content(id=one) for one in ids])] == ids
