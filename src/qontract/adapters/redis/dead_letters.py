"""Redis: dead letters in a stream, and what is redriven in a stream of its subscription."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from qontract.adapters.redis.attempt_records import failures_from_json
from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.scripts import run_now
from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.domain.dead_letters import DeadLetter

_PAGE = 100
_ENTRY_ID = re.compile("[0-9]{1,19}-[0-9]{1,19}")
"""A whole id: half of one would be a range to Redis, and one of more digits an error."""


class RedisDeadLetters(DeadLetters):
    """The stream `dead` below `prefix`; redriven events go to `redriven:<subscription>`.

    `timeout` bounds connecting and each answer, in seconds. Nothing is sent twice: the second answer would be that the
    letter is gone. An entry that names no subscription, which is not ours, is shown, and never redriven.
    """

    def __init__(self, url: str, *, prefix: str, timeout: float = 5.0) -> None:
        self._keys = Keys(prefix)
        self._dead = self._keys.dead
        self._redis = redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )

    def iterate(self) -> Iterator[DeadLetter]:
        """Yield the letters, page by page, up to the one that is the last now."""
        with _translated_errors():
            page: Any = self._redis.xrevrange(self._dead, count=1)
        after, newest = "-", page
        while page:
            with _translated_errors():
                page = self._redis.xrange(self._dead, min=after, max=newest[0][0], count=_PAGE)
            for entry in page:
                yield _letter(*entry)
                after = f"({entry[0].decode()}"

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""
        with _translated_errors():
            page: Any = _ENTRY_ID.fullmatch(letter_id) and self._redis.xrange(self._dead, min=letter_id, max=letter_id)
        return _letter(*page[0]) if page else None

    def redrive(self, letter_id: str) -> bool:
        """Move the event in a script; it has to name its keys, so what the letter says, for good, is read before."""
        letter = self.get(letter_id)
        if letter is None or not letter.subscription:
            return False
        with _translated_errors():
            keys = [self._dead, self._keys.redriven(letter.subscription), self._keys.dead_counts]
            return bool(run_now(self._redis.execute_command, "redrive", keys, letter_id, letter.subscription))

    def discard(self, letter_id: str) -> bool:
        """Remove the letter."""
        with _translated_errors():
            keys = [self._dead, self._keys.dead_counts]
            return bool(
                _ENTRY_ID.fullmatch(letter_id) and run_now(self._redis.execute_command, "discard", keys, letter_id)
            )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise DeadLettersError(f"Redis refused or did not answer: {type(error).__name__}: {error}") from error


def _letter(entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    """Read an entry; one that is not ours, as far as it can be read."""
    try:
        failures = failures_from_json(fields[b"failures"])
    except (KeyError, ValueError):
        failures = ()
    subscription, entry = (fields.get(name, b"").decode(errors="replace") for name in (b"subscription", b"entry"))
    return DeadLetter(entry_id.decode(), subscription, fields.get(b"__data__", b""), failures, entry)
