"""Faults, for tests: make a method fail."""

import inspect
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

_Faults = deque[tuple[BaseException, bool]]


def fail(adapter: object, method: str, error: BaseException, *, times: int = 1, after: bool = False) -> None:
    """Let the next calls of a method raise the error, so many `times`: instead of their work, or `after` it.

    With `after` it is like a lost answer: the work was done, and nobody knows. Several faults of one method come in the
    order in which they were given. It works on any object; the adapters in memory have it as a method:

        slack.fail("apply", IntegrationError("no answer"), after=True)
    """
    call = getattr(adapter, method)
    faults: _Faults | None = getattr(call, "faults", None)
    if faults is None:
        faults = deque()
        setattr(adapter, method, _failing(call, faults))
    faults.extend([(error, after)] * times)


def _failing(call: Callable[..., Any], faults: _Faults) -> Callable[..., Any]:
    """Return the method with these faults. When none is left, it works as before."""

    @wraps(call)
    def failing(*args: Any, **kwargs: Any) -> Any:
        with _next(faults):
            return call(*args, **kwargs)

    @wraps(call)
    async def failing_coroutine(*args: Any, **kwargs: Any) -> Any:
        with _next(faults):
            return await call(*args, **kwargs)

    made: Any = failing_coroutine if inspect.iscoroutinefunction(call) else failing
    made.faults = faults
    return made  # type: ignore[no-any-return] # a function, with an attribute


@contextmanager
def _next(faults: _Faults) -> Iterator[None]:
    """Raise the next error, if there is one, before the body or after it."""
    error, after = None, False
    with suppress(IndexError):
        error, after = faults.popleft()
    if error and not after:
        raise error
    yield
    if error:
        raise error
