"""What an event handler says of itself: types, classes and policy."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, RetryLater
from qontract.domain.events import DomainEvent
from tests.support.delivering import Counted, Renamed

COUNTED, RENAMED = "qontract-api.tests-delivery.counted", "qontract-api.tests-delivery.renamed"


class Plain(EventHandler):
    async def handle(self, event: DomainEvent, delivery: Delivery) -> None: ...


class OfOneClass(EventHandler[Counted]):
    async def handle(self, event: Counted, delivery: Delivery) -> None: ...


class OfTwoClasses(EventHandler[Counted | Renamed]):
    async def handle(self, event: Counted | Renamed, delivery: Delivery) -> None: ...


class OfItsOwnTypes(EventHandler[Counted]):
    types = ("qontract-api.*",)

    async def handle(self, event: Counted, delivery: Delivery) -> None: ...


class OfAnyClass(EventHandler[DomainEvent]):
    async def handle(self, event: DomainEvent, delivery: Delivery) -> None: ...


class OfAClassAndWithABeginning(AbstractAsyncContextManager[None], EventHandler[Counted]):
    async def handle(self, event: Counted, delivery: Delivery) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


class Inherited(OfOneClass):
    """Says nothing new."""


@pytest.mark.parametrize(
    ("handler", "types", "classes"),
    [
        (Plain, ("*",), ()),
        (OfAnyClass, ("*",), ()),
        (OfOneClass, (COUNTED,), (Counted,)),
        (Inherited, (COUNTED,), (Counted,)),
        (OfAClassAndWithABeginning, (COUNTED,), (Counted,)),
        (OfTwoClasses, (COUNTED, RENAMED), (Counted, Renamed)),
        (OfItsOwnTypes, ("qontract-api.*",), (Counted,)),
    ],
)
def test_a_handler_takes_its_types_from_the_classes_that_it_asks_for_unless_it_names_them(
    handler: type[EventHandler[Any]], types: tuple[str, ...], classes: tuple[type[DomainEvent], ...]
) -> None:
    assert (handler.types, handler.classes) == (types, classes)


def test_a_handler_that_asks_for_a_class_changes_nothing_for_others() -> None:
    assert (EventHandler.types, EventHandler.classes) == (("*",), ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"max_attempts": 0},
        {"backoff": -1},
        {"max_backoff": -0.1},
        {"dedupe_for": -1},
        {"timeout": 0},
        {"timeout": -1},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="polic"):
        Policy(**wrong)


def test_a_retry_says_after_how_many_seconds() -> None:
    assert (RetryLater(90).seconds, str(RetryLater(0.5))) == (90, "retry in 0.5 s")
