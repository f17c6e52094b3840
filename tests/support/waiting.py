"""Waiting for what comes about in its own time: until it is so, and not for ever."""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 20, missing: str = "not in time") -> T:
    """Wait for the condition, and return it. Fails, and says what is missing, if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, missing
        time.sleep(0.02)
    return value


async def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait as `until` does, by the clock of the event loop, while other tasks work; the condition may be awaitable."""
    loop, pause = asyncio.get_running_loop(), 0.01
    deadline = loop.time() + seconds
    while not (await answer if isawaitable(answer := condition()) else answer):
        left = deadline - loop.time()
        assert left > 0.000_001, f"it is not true after {seconds} s"
        await asyncio.sleep(min(pause, left))
        pause = min(0.25, 1.1 * pause)
