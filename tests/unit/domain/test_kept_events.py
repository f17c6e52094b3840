"""What a kept event says of itself."""

import json
from datetime import UTC, datetime

import pytest

from qontract.domain.kept_events import KeptEvent

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def kept(content: bytes) -> KeptEvent:
    return KeptEvent("1-1", NOON, content)


def test_it_has_the_attributes_of_the_event() -> None:
    event = kept(b'{"type": "a.b", "id": "7", "source": "/x", "subject": "db-1", "authid": "alice", "data": [1]}')
    assert (event.type, event.id, event.source, event.subject, event.who) == ("a.b", "7", "/x", "db-1", "alice")
    assert event.attributes["data"] == [1]


def test_what_is_no_text_is_no_attribute_of_that_kind() -> None:
    event = kept(b'{"type": 7, "subject": null, "authid": ["x"]}')
    assert (event.type, event.subject, event.who, event.id) == (None, None, None, None)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"7", b'{"a": NaN}', b'{"a": ' * 100_000, b'{"a": ' * 300 + b"1" + b"}" * 300]
)
def test_bytes_that_are_no_event_have_no_attributes(content: bytes) -> None:
    assert kept(content).attributes == {}
    assert kept(content).type is None


def test_an_event_that_is_nested_as_deep_as_one_may_be_can_be_written_again() -> None:
    event = kept(b'{"a": ' * 190 + b"1" + b"}" * 190)
    assert json.loads(json.dumps(event.attributes, indent=2)) == event.attributes
