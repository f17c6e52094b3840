"""What is made with settings, and made anew when the files that they are read from have changed."""

import logging
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from prometheus_client import Counter

from qontract.entrypoints.plugins import error_text
from qontract.entrypoints.settings import Settings
from qontract.entrypoints.settings.reading import read, secrets_stamp

log = logging.getLogger(__name__)

RENEWED = Counter(
    "qontract_settings_renewed_total", "Times that settings were renewed: changed files are used", ["name"]
)
REFUSED = Counter(
    "qontract_settings_refused_total", "Times that settings were refused: changed files cannot be used", ["name"]
)

LOOK_SECONDS = 2.0
"""How often the files are looked at, at most: a stat of each."""

S = TypeVar("S")
T = TypeVar("T")


class Reloader(Generic[S, T]):
    """Makes something of this name with the settings that `read` gives, and anew when they have changed.

    `stamp` is another value when a file was changed, made or removed. The settings are read then, and only where they
    are other ones anything is made. What cannot be read, or made, changes nothing: `error` says why, and it is tried
    again. It is used by one thread at a time. Raises what `read` and `make` raise the first time.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], S],
        make: Callable[[S], T],
        *,
        stamp: Callable[[], Hashable] = secrets_stamp,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.error = ""
        self._read, self._make, self._stamp_now, self._clock = read, make, stamp, clock
        self._stamp, self._looked_at = stamp(), clock()  # before reading: what changes meanwhile is read again
        self._settings = read()
        self.made = make(self._settings)
        RENEWED.labels(name)
        REFUSED.labels(name)

    def renewed(self) -> bool:
        """Look at the files, if it is time; say whether `made` is another one since. It raises nothing."""
        if self._clock() - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at, stamp = self._clock(), self._stamp_now()
        if stamp == self._stamp and not self.error:
            return False
        try:
            settings = self._read()
            changed = bool(settings != self._settings)
            made = self._make(settings) if changed else self.made
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of somebody else's model, or constructor: any
            self._refuse(error_text(error))
            return False
        self.made, self._settings, self._stamp = made, settings, stamp
        if changed or self.error:
            RENEWED.labels(self.name).inc()
            log.info("settings renewed", extra={"settings": self.name})
        self.error = ""
        return changed

    def _refuse(self, error: str) -> None:
        if error != self.error:
            REFUSED.labels(self.name).inc()
            extra = {"settings": self.name, "error": error}
            log.error("settings refused; the ones before are used", extra=extra)
        self.error = error


@dataclass
class _InUse(Generic[T]):
    value: T
    users: int = 0


class Reloaded(Generic[T]):
    """Holds the object to use now, made with the latest settings, on any thread and after a fork.

    `close` closes an object that was replaced.
    """

    def __init__(self, reloader: Reloader[Any, T], close: Callable[[T], None]) -> None:
        self._reloader = reloader
        self._close = close
        self._lock = Lock()
        self._now = _InUse(reloader.made)

    @property
    def error(self) -> str:
        """Why changed settings are not used, or ""."""
        return self._reloader.error

    @property
    def value(self) -> T:
        """The one that was used last."""
        return self._now.value

    @contextmanager
    def use(self) -> Iterator[T]:
        """Give the newest one to the body: it stays the same until its end, and is not closed before."""
        with self._lock:
            before = self._now
            if self._reloader.renewed():
                self._now = _InUse(self._reloader.made)
            now = self._now
            now.users += 1
        if before is not now and not before.users:
            self._end(before)
        try:
            yield now.value
        finally:
            with self._lock:
                now.users -= 1
                over = now is not self._now and not now.users
            if over:
                self._end(now)

    def _end(self, old: _InUse[T]) -> None:
        try:
            self._close(old.value)
        except Exception as error:  # noqa: BLE001 - it is somebody else's, and nobody needs it any more
            log.warning("replaced integration did not close", extra={"error": type(error).__name__})


def revoked_ids(settings: Settings) -> Reloader[frozenset[str], frozenset[str]]:
    """Return the ids of tokens that are accepted no more: those of these settings, until a file of them changes."""
    given = [settings.auth.revoked]
    return Reloader("auth", lambda: given.pop() if given else read(Settings).auth.revoked, frozenset)
