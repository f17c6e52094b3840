"""A pytest plugin: fixtures for tests of handlers and integrations. Loading it imports nothing else of qontract."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qontract.application.ports.event_handler import EventHandler
    from qontract.entrypoints.container import Container
    from qontract.testing import InMemoryEventManager, InMemorySubscriber

pytest.register_assert_rewrite("qontract.testing.contracts")


@pytest.fixture
def events() -> "InMemoryEventManager":
    """A new event manager; `published` has its published events."""
    from qontract.testing import InMemoryEventManager

    return InMemoryEventManager()


@pytest.fixture
def subscriber() -> "Iterator[Callable[[Mapping[str, EventHandler[Any]]], InMemorySubscriber]]":
    """A function that makes an InMemorySubscriber of handlers, by subscription; it ends with the test."""
    from qontract.testing import InMemorySubscriber

    with ExitStack() as stack:
        yield lambda handlers: stack.enter_context(InMemorySubscriber(handlers))


@pytest.fixture
def container() -> "Iterator[Container]":
    """The container of this process, new for this test: override in it what the test replaces.

    It reads the settings when it is first used, and is thrown away at the end of the test.
    """
    from qontract.entrypoints.container import get_container

    get_container.cache_clear()
    yield get_container()
    get_container.cache_clear()
