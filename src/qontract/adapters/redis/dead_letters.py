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
from qontract.adapters.unreadable import excerpt
from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.application.subscription import wrong_with_name
from qontract.domain.dead_letters import DeadLetter, FailedAttempt

_PAGE = 100
_FIELDS = (b"__data__", b"subscription", b"entry", b"failures")
_LONGEST_KEY = 100
_OF_A_KEY = ("WRONGTYPE", "ERR")
"""How an error begins that another letter may not meet: its key is of another type, or takes no more entries."""
_ENTRY_ID = re.compile("[0-9]{1,20}-[0-9]{1,20}")
"""A whole id: half of one would be a range to Redis, and a number of more than 64 bits an error."""


class RedisDeadLetters(DeadLetters):
    """The stream `dead` below `prefix`; redriven events go to `redriven:<subscription>`.

    `timeout` bounds connecting and each answer, in seconds. Nothing is sent twice: the second answer would be that the
    letter is gone. An entry that is not ours, or cannot be read whole, is shown, and never redriven.
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
            page: Any = _is_id(letter_id) and self._redis.xrange(self._dead, min=letter_id, max=letter_id)
        return _letter(*page[0]) if page else None

    def redrive(self, letter_id: str) -> bool:
        """Move the event in a script; it has to name its keys, so what the letter says, for good, is read before."""
        letter = self.get(letter_id)
        if letter is None or letter.unreadable:
            return False
        with _translated_errors():
            keys = [self._dead, self._keys.redriven(letter.subscription), self._keys.dead_counts]
            return bool(run_now(self._redis.execute_command, "redrive", keys, letter_id, letter.subscription))

    def discard(self, letter_id: str) -> bool:
        """Remove the letter."""
        with _translated_errors():
            keys = [self._dead, self._keys.dead_counts]
            return bool(_is_id(letter_id) and run_now(self._redis.execute_command, "discard", keys, letter_id))


def _is_id(text: str) -> bool:
    return bool(_ENTRY_ID.fullmatch(text)) and all(int(number) < 2**64 for number in text.split("-"))


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        of_letter = isinstance(error, redis.ResponseError) and str(error).startswith(_OF_A_KEY)
        text = excerpt(f"{type(error).__name__}: {error}")
        raise DeadLettersError(f"Redis refused or did not answer: {text}", of_letter=of_letter) from error


def _letter(entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    """Read an entry; one that is not ours, as far as it can be read."""
    wrong = [f"it has no {name.decode()}" for name in _FIELDS if name not in fields]
    subscription, entry = (fields.get(name, b"").decode(errors="replace") for name in (b"subscription", b"entry"))
    if b"subscription" in fields and wrong_with_name(subscription):
        wrong, subscription = [*wrong, f"it is of no subscription: {excerpt(subscription)}"], ""
    failures: tuple[FailedAttempt, ...] = ()
    try:
        failures = failures_from_json(fields.get(b"failures", b"[]"))
    except ValueError as error:
        wrong.append(f"failures: {excerpt(error)}")
    data = fields.get(b"__data__", b"")
    return DeadLetter(entry_id.decode(), subscription, data, failures, entry[:_LONGEST_KEY], "; ".join(wrong))
