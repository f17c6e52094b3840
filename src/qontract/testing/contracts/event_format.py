"""The contract of EventFormat: each line of the port's docstring is tested."""

from abc import abstractmethod
from typing import Any

import pytest

from qontract.application.ports.event_format import EventFormat
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UsergroupFailed, UsergroupFailure, UsergroupUsersUpdated

KNOWN = UsergroupFailed(
    data=UsergroupFailure(workspace="coreos", error="Grüße"),
    subject="coreos",
    source="/here",
    correlation_id="request-1",
)
UNKNOWN = DomainEvent(
    type="else.where", source="/here", data={"text": "🎉", "null": None}, extensions={"a": 1, "b": True}
)
JSON: list[Any] = [[1, "a"], "text", 1.5, 2**60, True, False, 0, "", [], {}]
EVENTS = [
    KNOWN,
    UNKNOWN,
    *(UNKNOWN.model_copy(update={"data": data}) for data in JSON),
    UNKNOWN.model_copy(update={"data": None, "datacontenttype": None}),
    UNKNOWN.model_copy(update={"data": None, "data_base64": b"\x00\xff", "datacontenttype": "image/png"}),
    KNOWN.model_copy(update={"dataschema": "urn:x:1", "subject": None, "correlation_id": None}),
]
MISFITS: list[Any] = [{"workspace": "coreos"}, {"workspace": 1, "error": "no"}, "text", None]


class EventFormatContract:
    """Subclass it, and give the fixtures `form` (the adapter) and `no_event`."""

    @pytest.fixture
    @abstractmethod
    def form(self) -> EventFormat:
        """The adapter."""

    @pytest.fixture
    @abstractmethod
    def no_event(self) -> bytes:
        """Bytes that are no event."""

    @pytest.mark.parametrize("event", EVENTS, ids=range(len(EVENTS)))
    def test_an_event_is_decoded_as_it_was_encoded(self, form: EventFormat, event: DomainEvent) -> None:
        decoded = form.decode(form.encode(event))
        assert decoded == event
        assert type(decoded) is type(event)

    @pytest.mark.parametrize("event", EVENTS, ids=range(len(EVENTS)))
    def test_the_type_is_that_of_the_decoded_event(self, form: EventFormat, event: DomainEvent) -> None:
        assert form.type_of(form.encode(event)) == event.type

    @pytest.mark.parametrize("data", MISFITS, ids=repr)
    def test_an_event_that_does_not_fit_its_class_is_a_plain_one(self, form: EventFormat, data: Any) -> None:
        event = UNKNOWN.model_copy(update={"type": KNOWN.type, "data": data})
        decoded = form.decode(form.encode(event))
        assert type(decoded) is DomainEvent
        assert decoded == event

    @pytest.mark.parametrize("data", MISFITS, ids=repr)
    def test_what_does_not_fit_is_said_in_one_line(self, form: EventFormat, data: Any) -> None:
        [line] = form.misfit(
            UNKNOWN.model_copy(update={"type": KNOWN.type, "data": data}), UsergroupFailed
        ).splitlines()
        assert line.startswith("data")

    def test_the_wrong_class_is_a_misfit(self, form: EventFormat) -> None:
        assert "type: " in form.misfit(UNKNOWN, UsergroupUsersUpdated)

    def test_each_field_that_does_not_fit_is_named(self, form: EventFormat) -> None:
        line = form.misfit(UNKNOWN.model_copy(update={"type": KNOWN.type, "data": {"workspace": 1}}), UsergroupFailed)
        assert "data.workspace: " in line
        assert "data.error: " in line

    def test_bytes_that_are_no_event_are_refused(self, form: EventFormat, no_event: bytes) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            form.type_of(no_event)
        with pytest.raises(ValueError, match=r"\w"):
            form.decode(no_event)

    def test_what_the_format_forbids_is_not_encoded(self, form: EventFormat) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            form.encode(UNKNOWN.model_copy(update={"type": "a\x00"}))
