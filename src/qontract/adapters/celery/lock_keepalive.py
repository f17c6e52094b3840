"""What is called again and again while something else is done: a lock is kept so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic

import redis


@contextmanager
def call_repeatedly(call: Callable[[], object], *, every: float, seconds: float) -> Iterator[None]:
    """Call it each so many seconds in a thread while the body runs, for `seconds` at most, whatever Redis answers."""
    ended, until = Event(), monotonic() + seconds

    def go_on() -> None:
        while monotonic() < until and not ended.wait(every):
            with suppress(redis.RedisError, OSError):
                call()

    thread = Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
