"""What is refused, when an event is made and when it is read, and what is said of it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from qontract.adapters.cloudevents import CloudEventsEventFormat, Event
from qontract.domain.slack_usergroups import UsergroupFailure
from tests.support.slack_events import failed

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/here", "type": "a.b"}


def read(**attributes: Any) -> Event:
    return Event.from_json(json.dumps(REQUIRED | attributes))


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_an_event_without_a_required_attribute_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        Event.from_json(json.dumps({name: value for name, value in REQUIRED.items() if name != missing}))


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b"\x89BIN", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a CloudEvent"):
        Event.from_json(raw)


WRONG: list[dict[str, Any]] = [
    {"specversion": "9.9"},
    {"specversion": "0.3"},
    {"id": ""},
    {"id": 1},
    {"id": None},
    {"id": "a\x00"},
    {"id": "a\u0085"},
    {"id": "a\ufdd0"},
    {"id": "a\U0001ffff"},
    {"type": ""},
    {"type": None},
    {"source": ""},
    {"source": "a b"},
    {"source": "ä"},
    {"source": "%zz"},
    {"source": "<here>"},
    {"subject": ""},
    {"subject": 5},
    {"subject": "\n"},
    {"datacontenttype": ""},
    {"datacontenttype": "json"},
    {"dataschema": ""},
    {"dataschema": "relative/path"},
    {"time": ""},
    {"time": 1769860800},
    {"time": "1769860800"},
    {"time": "2026-01-31"},
    {"time": "2026-01-31 12:00:00Z"},
    {"time": "2026-01-31T12:00:00"},
    {"time": "2026-01-31T12:00Z"},
    {"time": "2026-02-30T12:00:00Z"},
    {"time": "2026-01-31T12:00:60Z"},
    {"time": "9999-12-31T23:59:60-14:00"},
    {"time": "2026-01-31T25:00:00Z"},
    {"time": "٢٠٢٦-01-31T12:00:00Z"},
    {"time": "0001-01-01T00:00:00+14:00"},
    {"time": "9999-12-31T23:59:59-14:00"},
    {"data": 1, "data_base64": "AA=="},
    {"data_base64": "A"},
    {"data_base64": "AA==!"},
    {"data_base64": 1},
    {"data_base64": "+/8"},
    {"data_base64": "-_8="},
    {"data_base64": "AA==\n"},
    {"data_base64": "ä"},
    {"Upper": "a"},
    {"under_score": "a"},
    {"hyphen-ated": "a"},
    {"ä": "a"},
    {"": "a"},
    {"extension": 1.5},
    {"extension": 1.0},
    {"extension": 2**31},
    {"extension": -(2**31) - 1},
    {"extension": {"an": "object"}},
    {"extension": ["a list"]},
    {"extension": "a\x07"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=ascii)
def test_what_the_specification_refuses_is_refused_when_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^not a CloudEvent: [^\n]+$"):
        read(**wrong)


@pytest.mark.parametrize("known", [False, True], ids=["no class", "of a class"])
@pytest.mark.parametrize("wrong", WRONG, ids=ascii)
def test_what_the_specification_refuses_is_no_event_for_a_handler(wrong: dict[str, Any], known: bool) -> None:
    form = CloudEventsEventFormat("/here")
    usual = json.loads(form.encode(failed(UsergroupFailure(workspace="acme", error="no"), "r"))) if known else REQUIRED
    assert form.decode(json.dumps(usual).encode())
    with pytest.raises(ValueError, match=r"^not a CloudEvent: [^\n]+$"):
        form.decode(json.dumps(usual | wrong).encode())


@pytest.mark.parametrize("wrong", WRONG, ids=ascii)
def test_what_the_specification_refuses_is_refused_when_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Event(**REQUIRED | wrong)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_is_refused_when_read(number: str) -> None:
    raw = json.dumps(REQUIRED | {"data": {"number": "?"}}).replace('"?"', number)
    with pytest.raises(ValueError, match="not a CloudEvent: not JSON: "):
        Event.from_json(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x89BIN\x00\x01", "FastStream's own frame; its sender should use a CloudEvents message format"),
        (b"[]", "JSON, but an array; a batch of CloudEvents is not taken"),
        (b'"text"', "JSON, but no object"),
        (b"", "not JSON: EOF while parsing a value at line 1 column 0"),
        (b'{"id": "1", "type": "a"}', "specversion, source missing"),
    ],
)
def test_the_reason_says_what_the_bytes_are_instead(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match="not a CloudEvent") as error:
        Event.from_json(raw)
    assert str(error.value) == f"not a CloudEvent: {reason}"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": 5}, "id: Input should be a valid string"),
        ({"id": "\n"}, "id: a character in it is forbidden in CloudEvents"),
        ({"source": "/ünï"}, "source: not a URI reference (RFC 3986)"),
        ({"number": 1.5}, "number: not a string that CloudEvents allows, boolean or 32-bit integer"),
        ({"Name": "x"}, "Name: use lower-case ASCII letters and digits"),
        ({"data": 1, "data_base64": "AA=="}, "data_base64: give data or data_base64, not both"),
        ({"data_base64": "!"}, "data_base64: not base64"),
        (
            {"id": "", "subject": 1},
            "id: String should have at least 1 character; subject: Input should be a valid string",
        ),
    ],
    ids=ascii,
)
def test_the_reason_names_each_attribute_and_what_is_wrong(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match="not a CloudEvent") as error:
        read(**wrong)
    assert str(error.value) == f"not a CloudEvent: {reason}"


def test_a_long_name_does_not_hide_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match=r"^not a CloudEvent: x{100}: not a string that CloudEvents allows"):
        read(**{"x" * 1000: 1.5})


def test_the_reason_is_short_and_without_the_content_of_the_event() -> None:
    extensions = {f"secret{number}{'x' * 1000}": 1.5 for number in range(1000)}
    with pytest.raises(ValueError, match="not a CloudEvent") as error:
        read(id=5, source="se cret", data={"password": "hunter2"}, **extensions)
    assert len(str(error.value)) < 600
    assert "hunter2" not in str(error.value)
    assert "se cret" not in str(error.value)
