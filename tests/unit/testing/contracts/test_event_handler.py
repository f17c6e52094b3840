"""The contract of handlers refuses those that do not keep it."""

import inspect
from typing import Any

import pytest

from qontract import Delivery, DomainEvent, EventHandler, Policy
from qontract.domain.slack_usergroups import UsergroupFailed
from qontract.testing import EventHandlerContract, example

EVENT = DomainEvent(type="a.b", data={"number": 1}, subject="x/y")


class Right(EventHandler):
    """Keeps the contract."""

    types = ("a.b",)

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        self.seen.append(event.id)


class WantsAnother(Right):
    """Does not want the event."""

    types = ("c.d",)


class NeedsTwo(Right):
    """Succeeds in the second attempt."""

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise ConnectionError("not yet")


class Once(Right):
    """Cannot handle an event again."""

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        if event.id in self.seen:
            raise ValueError("again")
        self.seen.append(event.id)


class OneAtATime(Right):
    """Breaks when two are handled at once."""

    policy = Policy(concurrency=2)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        import asyncio

        self.seen.append(event.id)
        await asyncio.sleep(1)
        [only] = self.seen
        self.seen.remove(only)


class Changes(Right):
    """Writes into the event."""

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        if isinstance(event.data, dict):
            event.data["seen"] = True


class TrustsTheData(Right):
    """Expects a form of data that nobody promised."""

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        assert isinstance(event.data, dict)
        self.seen.append(str(event.data["number"]))


WRONG: list[tuple[str, type[Right]]] = [
    ("a_subscription_takes_it_and_it_wants_the_event", WantsAnother),
    ("an_event_is_handled_in_one_attempt", NeedsTwo),
    ("the_same_event_may_come_again", Once),
    ("several_may_be_handled_at_once", OneAtATime),
    ("it_changes_nothing_in_the_event", Changes),
    ("who_asks_by_name_handles_what_fits_no_class", TrustsTheData),
]


def run(name: str, handler: EventHandler[Any], event: DomainEvent = EVENT) -> None:
    """Run one test of the contract."""
    test = getattr(EventHandlerContract(), f"test_{name}")  # type: ignore[abstract] # its fixtures are given
    given = {"handler": handler, "event": event.model_copy(deep=True)}
    test(**{parameter: given[parameter] for parameter in inspect.signature(test).parameters})


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_handler_that_does_not_keep_the_contract_is_refused(name: str, wrong: type[Right]) -> None:
    run(name, Right())
    with pytest.raises((Exception, pytest.fail.Exception)):
        run(name, wrong())


def test_every_test_of_the_contract_is_shown_to_refuse_something() -> None:
    tests = {name.removeprefix("test_") for name in dir(EventHandlerContract) if name.startswith("test_")}
    assert tests == {name for name, _ in WRONG}


class Typed(EventHandler[UsergroupFailed]):
    """Asks for a class."""

    async def handle(self, event: UsergroupFailed, delivery: Delivery) -> None:
        assert event.data.workspace


class TestTyped(EventHandlerContract):
    @pytest.fixture
    def handler(self) -> Typed:
        return Typed()


class TestTypedWithAnEventOfItsOwn(EventHandlerContract):
    @pytest.fixture
    def handler(self) -> Typed:
        return Typed()

    @pytest.fixture
    def event(self) -> UsergroupFailed:
        return example(UsergroupFailed, workspace="osbs")
