"""What a dead letter can tell of its event."""

import json

import pytest

from qontract.domain.dead_letters import DeadLetter


def letter(data: bytes) -> DeadLetter:
    return DeadLetter("1-1", "s", data, (), "1-1")


def test_it_tells_the_type_the_subject_and_the_id_of_the_event() -> None:
    known = letter(json.dumps({"id": "7", "type": "a.b", "subject": "coreos/team-ä"}).encode())
    assert (known.type, known.subject, known.event_id) == ("a.b", "coreos/team-ä", "7")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"\xff\xfe\xfd",
        b"\x89BIN",
        b"null",
        b"[1]",
        b'"text"',
        b"{}",
        b'{"type": 1, "subject": null, "id": []}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 10_000 + b"}",
    ],
)
def test_bytes_that_tell_nothing_have_no_type_no_subject_and_no_id(data: bytes) -> None:
    unknown = letter(data)
    assert (unknown.type, unknown.subject, unknown.event_id) == (None, None, None)


def test_an_event_that_is_not_valid_still_tells_what_it_can() -> None:
    invalid = letter(b'{"type": "a.b", "specversion": "9.9"}')
    assert (invalid.type, invalid.subject, invalid.event_id) == ("a.b", None, None)


def test_a_type_or_subject_of_any_length_is_cut_and_the_event_stays_whole() -> None:
    known = letter(json.dumps({"type": "a" * 100_000, "subject": "b" * 100_000}).encode())
    assert (known.type, known.subject) == ("a" * 2000, "b" * 2000)
    assert len(known.data) > 200_000
