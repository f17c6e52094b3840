"""Subscriptions: their names, and the types that they want."""

from typing import Any, Self

import pytest

from qontract.adapters.memory import InMemoryEventHandler
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UsergroupUsersUpdated


@pytest.mark.parametrize(
    ("types", "event_type", "wanted"),
    [
        (("*",), "a.b", True),
        (("a.b",), "a.b", True),
        (("a.b",), "a.b.c", False),
        (("a.b",), "x.a.b", False),
        (("a.b",), "axb", False),
        (("a.*",), "a.b.c", True),
        (("a.*",), "a", False),
        (("*.error",), "a.b.error", True),
        (("a.*.error",), "a.b.error", True),
        (("a.*.error",), "a.b.errors", False),
        (("a", "a.b"), "a.b", True),
        (("x.*", "*.b"), "a.b", True),
        (("a[b]",), "a[b]", True),
        (("a[b]",), "ab", False),
        (("a?",), "ab", False),
        (("A.b",), "a.b", False),
    ],
)
def test_a_subscription_wants_the_types_that_its_handler_names(
    types: tuple[str, ...], event_type: str, wanted: bool
) -> None:
    assert Subscription("s", InMemoryEventHandler(*types)).wants(event_type) is wanted


def test_a_handler_that_names_no_type_wants_none() -> None:
    handler = InMemoryEventHandler()
    handler.types = ()
    assert not Subscription("s", handler).wants("a.b")


@pytest.mark.parametrize("name", ["a", "0", "audit-log", "a--b", "a" * 63])
def test_a_dns_label_is_a_name(name: str) -> None:
    assert Subscription(name, InMemoryEventHandler()).name == name


@pytest.mark.parametrize("name", ["", "-", "-a", "a-", "A", "a_b", "a.b", "a b", "a:b", "a{b}", "é", "a\n", "a" * 64])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use 1 to 63 lower-case letters, digits and inner hyphens"):
        Subscription(name, InMemoryEventHandler())


def test_an_answer_is_remembered_for_a_bounded_number_of_types() -> None:
    subscription = Subscription("s", InMemoryEventHandler("a.*"))
    assert [subscription.wants(f"a.{number}") for number in range(2000)] == [True] * 2000
    remembered: Any = subscription.wants
    assert remembered.cache_info().currsize == 1000
    assert subscription.wants("a.1999")
    assert remembered.cache_info().hits == 1


def test_a_handler_of_a_class_of_events_wants_their_type() -> None:
    class Joined(EventHandler[UsergroupUsersUpdated]):
        async def handle(self, event: UsergroupUsersUpdated, delivery: Delivery) -> None: ...

    subscription = Subscription("s", Joined())
    assert subscription.wants("qontract-api.slack-usergroups.update_users")
    assert not subscription.wants("qontract-api.slack-usergroups.create")


class Named(InMemoryEventHandler):
    """A handler to which a test gives what is wrong."""

    def __init__(self, **wrong: Any) -> None:
        super().__init__()
        for name, value in wrong.items():
            setattr(self, name, value)


def not_async(event: DomainEvent, delivery: Delivery) -> None: ...


async def stream(event: DomainEvent, delivery: Delivery) -> Any:
    yield event


async def without_delivery(event: DomainEvent) -> None: ...


async def with_more(event: DomainEvent, delivery: Delivery, more: str) -> None: ...


class Alone:
    types = ("*",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None: ...


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (InMemoryEventHandler, "InMemoryEventHandler is a class; give an instance of it"),
        (Alone(), "Alone is no EventHandler: it has no policy, classes; make it a subclass"),
        (None, "NoneType is no EventHandler: it has no types, policy, classes, handle; make it a subclass"),
        (
            Named(types="a.*"),
            'Named.types is a plain string, of which each character would be a type; write ("a.*",)',
        ),
        (Named(types=None), "Named.types is no tuple of strings"),
        (Named(types=("a", 1)), "Named.types is no tuple of strings"),
        (Named(policy={"attempts": 3}), "Named.policy is no Policy, but of type dict"),
        (Named(policy=Policy), "Named.policy is no Policy, but of type type"),
        (Named(handle=not_async), "Named.handle is not written with `async def`"),
        (Named(handle=stream), "Named.handle is not written with `async def`"),
        (Named(handle=None), "Named.handle is not written with `async def`"),
        (Named(handle=without_delivery), "Named.handle does not take (event, delivery)"),
        (Named(handle=with_more), "Named.handle does not take (event, delivery)"),
    ],
)
def test_what_cannot_be_run_as_a_handler_is_refused_with_one_line(handler: Any, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared
        Subscription("s", handler)
    assert str(refused.value) == said


class Callable:
    async def __call__(self, event: DomainEvent, delivery: Delivery) -> None: ...


async def other_names(*both: object) -> None: ...


@pytest.mark.parametrize("handle", [Callable(), other_names])
def test_whatever_can_be_awaited_with_an_event_and_its_delivery_will_do(handle: Any) -> None:
    handler = Named(handle=handle)
    assert Subscription("s", handler).handler is handler


def test_a_handler_may_be_an_asynchronous_context_manager() -> None:
    class Entered(InMemoryEventHandler):
        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    assert Subscription("s", Entered()).wants("a.b")
