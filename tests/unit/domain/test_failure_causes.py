"""What is the cause of a failure, and what is the handler's own code."""

import pytest

from qontract.domain.failure_causes import Cause, Frame, cause_from, cause_of_text, where_raised

OURS = [
    Frame("qontract.application.delivery.attempts", "Attempts._attempt", 1),
    Frame("qontract.application.delivery.deadline", "keep", 2),
]
HANDLE = Frame("acme.crm", "Crm.handle", 31)
INNER = Frame("acme.desk.client", "Client.post", 7)
LIBRARY = [Frame("httpx._client", "AsyncClient.post", 9), Frame("anyio", "connect", 1)]


@pytest.mark.parametrize(
    ("places", "where"),
    [
        ([], ""),
        (OURS, ""),
        ([*OURS, HANDLE], "acme.crm.Crm.handle:31"),
        ([*OURS, HANDLE, INNER, *LIBRARY], "acme.desk.client.Client.post:7"),
        ([*OURS, HANDLE, *LIBRARY, INNER, *LIBRARY], "acme.desk.client.Client.post:7"),
        ([*OURS, Frame("tenacity", "wrapped", 4), HANDLE, *LIBRARY], "acme.crm.Crm.handle:31"),
        ([*OURS, HANDLE, Frame("acmes.other", "f", 1)], "acme.crm.Crm.handle:31"),
        ([*OURS, HANDLE, *OURS], "acme.crm.Crm.handle:31"),
    ],
)
def test_the_innermost_place_of_the_handlers_own_package_is_where_it_was_raised(
    places: list[Frame], where: str
) -> None:
    assert where_raised(places, "acme.crm") == where


def test_where_the_handler_is_wrapped_the_package_that_was_called_first_is_its_own() -> None:
    places = [*OURS, Frame("qontract.testing.subscriber", "Watched.handle", 3), HANDLE, *LIBRARY]
    assert where_raised(places, "qontract.testing.subscriber") == "acme.crm.Crm.handle:31"


def test_a_handler_of_ours_is_not_taken_for_what_calls_handlers() -> None:
    places = [*OURS, Frame("qontract.adapters.slack.event_handler", "SlackEventHandler.handle", 5), *LIBRARY]
    where = where_raised(places, "qontract.adapters.slack.event_handler")
    assert where == "qontract.adapters.slack.event_handler.SlackEventHandler.handle:5"


def test_a_place_is_of_bounded_length() -> None:
    assert len(where_raised([Frame("a" * 500, "f", 1)], "a")) == 200


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("the replica ended during the attempt", Cause("replica died")),
        ("rejected by the handler: no such team", Cause("rejected")),
        ("TimeoutError: took longer than 60 s", Cause("timed out")),
        ("TimeoutError: the desk", Cause("TimeoutError")),
        ("cannot be read: ValueError: not a CloudEvent", Cause("is no event")),
        (
            "does not fit UsergroupFailed: data.error: Field required",
            Cause("does not fit UsergroupFailed", "data.error"),
        ),
        ("does not fit Counted: data.names.17.first: wrong", Cause("does not fit Counted", "data.names.*.first")),
        ("httpx.ConnectError: All connection attempts failed", Cause("httpx.ConnectError")),
        ("ValueError: team 7: gone", Cause("ValueError")),
        ("no: such", Cause("no")),
        ("what is this", Cause("unknown")),
        ("", Cause("unknown")),
    ],
)
def test_a_failure_without_a_cause_on_record_has_one_that_its_text_tells(error: str, cause: Cause) -> None:
    assert cause_of_text(error) == cause


def test_people_read_a_cause_as_what_and_where() -> None:
    assert str(Cause("ValueError", "acme.crm.Crm.handle:31")) == "ValueError at acme.crm.Crm.handle:31"
    assert str(Cause("timed out")) == "timed out"


@pytest.mark.parametrize(
    ("other", "like"),
    [
        (Cause("ValueError", "acme.crm.Crm.handle:36"), True),
        (Cause("ValueError", "acme.crm.Crm.find:31"), False),
        (Cause("KeyError", "acme.crm.Crm.handle:31"), False),
    ],
)
def test_a_cause_is_like_another_if_only_the_line_differs(other: Cause, *, like: bool) -> None:
    assert Cause("ValueError", "acme.crm.Crm.handle:31").is_like(other) is like


@pytest.mark.parametrize("parts", [("", ""), (1, ""), ("a", None), (None, None), ([], "x")])
def test_what_is_no_pair_of_texts_is_no_cause(parts: tuple[object, object]) -> None:
    with pytest.raises(ValueError, match="no pair of texts"):
        cause_from(*parts)


def test_a_cause_from_elsewhere_is_cut_and_can_be_written() -> None:
    assert cause_from("a" * 300, "\ud800") == Cause("a" * 200, "\\ud800")
