"""Subscriptions: named readers of the events."""

import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from qontract.application.ports.event_handler import EventHandler, Policy
from qontract.domain.events import type_pattern

_REMEMBERED_TYPES = 1000


@dataclass(frozen=True)
class Subscription:
    """A handler, and the name under which the log remembers how far it has read.

    A new name begins at the first kept event. Raises ValueError, in one line, for a name or a handler that cannot be
    used.
    """

    name: str
    handler: EventHandler[Any]

    def __post_init__(self) -> None:
        """Check the name and the handler."""
        wrong = wrong_with_name(self.name) or wrong_with_handler(self.handler)
        if wrong:
            raise ValueError(wrong)

    @cached_property
    def wants(self) -> Callable[[str], bool]:
        """Return whether the handler wants events of this type. Answers for the latest types are cached."""
        pattern = type_pattern(*self.handler.types)
        return lru_cache(_REMEMBERED_TYPES)(lambda event_type: pattern.fullmatch(event_type) is not None)


def wrong_with_name(name: str) -> str | None:
    """Return what is wrong with the name, or None: it becomes part of keys, metrics and log lines."""
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        return None
    return f"subscription {name!r}: use 1 to 63 lower-case letters, digits and inner hyphens"


def wrong_with_handler(handler: Any) -> str | None:
    """Return the first thing that is wrong with this as an EventHandler, or None."""
    if isinstance(handler, type):
        return f"{handler.__name__} is a class; give an instance of it"
    kind = type(handler).__name__
    lacking = [name for name in ("types", "policy", "classes", "handle") if not hasattr(handler, name)]
    if lacking:
        return f"{kind} is no EventHandler: it has no {', '.join(lacking)}; make it a subclass"
    if isinstance(handler.types, str):
        return f'{kind}.types is a plain string, of which each character would be a type; write ("{handler.types}",)'
    if not isinstance(handler.types, Collection) or not all(isinstance(wanted, str) for wanted in handler.types):
        return f"{kind}.types is no tuple of strings"
    if not isinstance(handler.policy, Policy):
        return f"{kind}.policy is no Policy, but of type {type(handler.policy).__name__}"
    return _wrong_with_handle(handler.handle, f"{kind}.handle")


def _wrong_with_handle(handle: Any, name: str) -> str | None:
    if not any(map(inspect.iscoroutinefunction, (handle, getattr(handle, "__call__", None)))):  # noqa: B004 - not whether it can be called
        return f"{name} is not written with `async def`"
    try:
        inspect.signature(handle).bind("event", "delivery")
    except TypeError:
        return f"{name} does not take (event, delivery)"
    return None
