"""Subscriptions: their names, and the types that they want."""

import pytest

from qontract.adapters.memory import InMemoryEventHandler
from qontract.application.subscriptions import Subscription


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
