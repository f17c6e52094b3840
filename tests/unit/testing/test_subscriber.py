"""Handlers under their policies, in an author's test."""

import asyncio
from types import TracebackType
from typing import Any, Self

import pytest

from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, Reject, RetryLater
from qontract.domain.events import DomainEvent
from qontract.testing import InMemorySubscriber, deliver
from tests.support.delivering import Counted, Handler, Numbered, Seen, an_event, failing, number_of

ERROR = RuntimeError("not this time")
DAY = 24 * 3600.0


class Accounts(EventHandler):
    """Opens an account for each event: what can happen to a handler happens to this one."""

    types = ("qontract-api.test.*",)
    policy = Policy(max_attempts=3, timeout=60, dedupe_for=3600)

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.well = False

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        number = number_of(event)
        await delivery.publish(DomainEvent(type="acme.account.requested", subject=event.subject, data=number))
        match number:
            case 1 if delivery.attempt < 3:
                raise ERROR
            case 2:
                raise Reject("no such person")
            case 3 if not self.well:
                await asyncio.sleep(3600)
            case 4 if 4 not in self.opened:
                self.opened.append(number)
                raise RetryLater(DAY)
        self.opened.append(number)


def test_one_scenario_has_retries_rejections_time_outs_deduplication_dead_letters_redrive_and_follow_ups() -> None:
    accounts, requests = Accounts(), Seen("acme.*")
    people = [an_event(number, f"person-{number}") for number in range(5)]
    with InMemorySubscriber({"accounts": accounts, "requests": requests}) as subscriber:
        outcome = subscriber.deliver(*people)

        assert sorted(accounts.opened) == [0, 1, 4, 4]
        attempts = [(id_, attempt) for name, id_, attempt in outcome.attempts if name == "accounts"]
        assert [attempt for id_, attempt in attempts if id_ == people[1].id] == [1, 2, 3]
        assert [attempt for id_, attempt in attempts if id_ == people[4].id] == [1, 1]
        assert outcome.seconds == pytest.approx(DAY, abs=60)
        assert {letter.subject: letter.failures[-1].error for letter in outcome.dead_letters} == {
            "person-2": "rejected by the handler: no such person",
            "person-3": "TimeoutError: took longer than 60 s",
        }
        assert outcome.counts["accounts"][DeliveryCount.RETRIED] == 4
        assert outcome.counts["accounts"][DeliveryCount.DEAD_LETTERED] == 2

        assert {event.data for event in outcome.published} == {0, 1, 2, 3, 4}
        assert len(outcome.published) == 5  # once, however many attempts
        assert {event.extensions["causationid"] for event in outcome.published} == {event.id for event in people}
        assert sorted(event.data for event in requests.events) == [0, 1, 2, 3, 4]
        assert outcome.handled == 3 + 5

        accounts.well = True
        again = subscriber.redrive()
        assert [letter.subject for letter in again.dead_letters] == ["person-2"]
        assert sorted(accounts.opened) == [0, 1, 3, 4, 4]
        assert again.published == []
        assert again.handled == 1

        repeated = subscriber.deliver(people[3].model_copy(update={"source": "qontract-api"}))
        assert (repeated.attempts, repeated.handled) == ([], 0)  # published already, and nothing new


def test_an_event_that_comes_again_from_elsewhere_in_the_stream_is_deduplicated() -> None:
    handler, event = Handler(Policy(dedupe_for=60)), an_event(1)
    with InMemorySubscriber({"subscription": handler}) as subscriber:
        subscriber.deliver(event)
        subscriber._publisher._known.clear()  # as if its publisher had died before the answer
        outcome = subscriber.deliver(event)
    assert (handler.handled, outcome.counts["subscription"]) == ([1], {DeliveryCount.DEDUPLICATED: 1})


def test_a_handler_gets_its_events_in_order_and_the_outcome_says_all_of_it() -> None:
    handler = Handler(trouble=failing(ERROR, 1, times=1))
    events = [an_event(number) for number in range(3)]
    outcome = deliver(handler, *events)
    assert handler.handled == [0, 1, 2]
    assert outcome.attempts == [
        ("subscription", events[0].id, 1),
        ("subscription", events[1].id, 1),
        ("subscription", events[1].id, 2),
        ("subscription", events[2].id, 1),
    ]
    assert (outcome.handled, outcome.dead_letters, outcome.published) == (3, [], [])
    assert outcome.seconds >= 0.5


@pytest.mark.parametrize("shared", [True, False])
def test_waiting_for_days_takes_no_real_time(shared: bool) -> None:
    asked = 0

    async def later(_: int, __: int) -> None:
        nonlocal asked
        asked += 1
        if asked < 10:
            raise RetryLater(DAY)
        await asyncio.sleep(3600)

    outcome = deliver(Handler(Policy(shared=shared, timeout=7200), later), an_event(1))
    assert outcome.handled == 1
    assert outcome.seconds == pytest.approx(9 * DAY + 3600, abs=60)


@pytest.mark.parametrize("seconds", [0, DAY])
def test_what_never_ends_is_an_assertion_error(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.testing.subscriber._MAX_CALLS", 500)
    with pytest.raises(AssertionError, match="there is no end"):
        deliver(Handler(trouble=failing(RetryLater(seconds), 1)), an_event(1))


def test_a_subscription_gets_the_types_that_it_wants() -> None:
    counted, all_of_them = Seen("qontract-api.tests-delivery.*"), Seen()
    with InMemorySubscriber({"counted": counted, "all": all_of_them}) as subscriber:
        outcome = subscriber.deliver(an_event(1), Counted(data=Numbered(number=2)))
    assert [type(event) for event in counted.events] == [Counted]
    assert len(all_of_them.events) == 2
    assert outcome.handled == 3


def test_a_handler_of_a_class_is_given_that_class_and_a_misfit_is_a_dead_letter() -> None:
    class Counting(EventHandler[Counted]):
        numbers: tuple[int, ...] = ()

        async def handle(self, event: Counted, delivery: Delivery) -> None:
            self.numbers += (event.data.number,)

    counting = Counting()
    misfit = DomainEvent(type="qontract-api.tests-delivery.counted", data={"number": "several"})
    outcome = deliver(counting, Counted(data=Numbered(number=2)), misfit)
    assert counting.numbers == (2,)
    [letter] = outcome.dead_letters
    assert "data.number" in letter.failures[0].error


def test_a_handler_that_gets_what_it_publishes_ends_in_a_dead_letter_after_a_bound() -> None:
    class Echo(EventHandler):
        async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
            await delivery.publish(DomainEvent(type="acme.echo", subject=event.subject))

    outcome = deliver(Echo(), an_event(1))
    assert [event.extensions["hops"] for event in outcome.published] == list(range(1, 21))
    assert outcome.handled == 20
    [letter] = outcome.dead_letters
    assert letter.failures[-1].error.startswith("rejected by the handler: event refused: it would be number 21")


class Entered(EventHandler):
    """Is a context manager."""

    def __init__(self, error: Exception | None = None) -> None:
        self.steps: list[str] = []
        self._error = error
        self._task: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        if self._error:
            raise self._error
        self.steps.append("entered")
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert asyncio.current_task() is self._task
        self.steps.append(f"left after {kind.__name__}" if kind else "left")

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        self.steps.append(f"event {number_of(event)}")


def test_a_handler_that_is_a_context_manager_is_entered_once_before_its_first_event_and_left_at_the_end() -> None:
    handler = Entered()
    with InMemorySubscriber({"subscription": handler}) as subscriber:
        assert handler.steps == []
        subscriber.deliver(an_event(0), an_event(1))
        subscriber.deliver(an_event(2))
        assert handler.steps == ["entered", "event 0", "event 1", "event 2"]
    assert handler.steps[-1] == "left"
    assert handler.steps.count("entered") == 1


def test_a_handler_that_cannot_be_entered_fails_the_test_and_others_are_left() -> None:
    first, broken = Entered(), Entered(error=LookupError("no such place"))
    with (
        pytest.raises(LookupError, match="no such place"),
        InMemorySubscriber({"first": first, "broken": broken}) as subscriber,
    ):
        subscriber.deliver(an_event(0))
    assert first.steps == ["entered", "left after LookupError"]


def test_a_wrong_handler_is_refused_in_one_line() -> None:
    handler = Seen()
    handler.types = "acme.*"  # type: ignore[assignment] # that is what is wrong
    with pytest.raises(ValueError, match="plain string"):
        deliver(handler, an_event(1))
