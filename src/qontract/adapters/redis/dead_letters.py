"""Redis: dead letters in a stream, and what is redriven in a stream of its subscription."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.records.dead_letter_entries import change_from, change_to_json, letter_from
from qontract.adapters.redis.records.entries import is_entry_id
from qontract.adapters.redis.records.redrive_marks import (
    actor_and_run,
    discard_from,
    discard_member,
    discards_of,
    mark_from,
    mark_prefix,
)
from qontract.adapters.unreadable_values import Unreadable, excerpt
from qontract.application.ports.dead_letters import (
    NOBODY,
    ChangedBy,
    DeadLetters,
    DeadLettersError,
    SubscriptionGoneError,
)
from qontract.domain.dead_letters import ChangedLetter, DeadLetter, Discarded, Redriven
from qontract.domain.subscriptions import ALIVE_SECONDS

_PAGE = 100
_CHANGES = 1000
_OF_A_KEY = ("WRONGTYPE", "ERR")
"""How an error begins that another letter may not meet: its key is of another type, or takes no more entries."""

_unreadable = Unreadable("dead-changes", "record of a change of dead letters cannot be read; it is dropped")


class RedisDeadLetters(DeadLetters):
    """The stream `dead` of the channel; redriven events go to `redriven:<subscription>`, for the groups of `stream`.

    `timeout` bounds connecting and each answer, in seconds. Nothing is sent twice: the second answer would be that the
    letter is gone. An entry that is not ours, or cannot be read whole, is shown, and never redriven.
    """

    def __init__(self, url: str, *, channel: str, stream: str, timeout: float = 5.0) -> None:
        self._keys = keys_of(channel, stream)
        self._dead = self._keys.dead
        self._redis = client(url, timeout=timeout)

    def iterate(self, *, after: str = "", until: str = "") -> Iterator[DeadLetter]:
        """Yield the letters, page by page, up to the one that is the last now."""
        last = until or self.newest()
        first = f"({after}" if after else "-"
        while last:
            with _translated_errors():
                page: Any = self._redis.xrange(self._dead, min=first, max=last, count=_PAGE)
            for entry in page:
                yield letter_from(*entry)
            if len(page) < _PAGE:
                return
            first = f"({page[-1][0].decode()}"

    def newest(self) -> str:
        """Return the id of the last letter."""
        with _translated_errors():
            page: Any = self._redis.xrevrange(self._dead, count=1)
        return page[0][0].decode() if page else ""

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""
        with _translated_errors():
            page: Any = is_entry_id(letter_id) and self._redis.xrange(self._dead, min=letter_id, max=letter_id)
        return letter_from(*page[0]) if page else None

    def redrive(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Move the event in a script; it has to name its keys, so what the letter says, for good, is read before."""
        letter = self.get(letter_id)
        if letter is None or letter.unreadable:
            return False
        keys, name = self._keys, letter.subscription
        places = [keys.dead, keys.redriven(name), keys.dead_counts, keys.stream or keys.alive, keys.alive]
        first = letter.entry, mark_prefix(letter.entry, name), actor_and_run(by.who, by.run)
        change = change_to_json("redriven", letter, by)
        with _translated_errors():
            answer = self._run(
                "redrive", [*places, keys.redrives, keys.dead_changes], letter_id, name, ALIVE_SECONDS, *first, change
            )
        if answer == b"gone":
            raise SubscriptionGoneError(name)
        return bool(answer)

    def discard(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Remove the letter; what it says, for good, is read before."""
        letter = self.get(letter_id)
        if letter is None:
            return False
        keys = [self._dead, self._keys.dead_counts, self._keys.dead_changes, self._keys.redrives]
        mark = discards_of(letter.entry, letter.subscription), discard_member(by.who, letter)
        with _translated_errors():
            return bool(self._run("discard", keys, letter_id, change_to_json("discarded", letter, by), *mark))

    def redriven(self, subscription: str, entry: str) -> Redriven | None:
        """Look for the mark."""
        return mark_from(self._mark(mark_prefix(entry, subscription)))

    def discarded(self, subscription: str, entry: str) -> Discarded | None:
        """Look for the mark."""
        return discard_from(self._mark(discards_of(entry, subscription)))

    def changes(self) -> Sequence[ChangedLetter]:
        """Return the oldest records; those that cannot be read are dropped."""
        with _translated_errors():
            page: Any = self._redis.xrange(self._keys.dead_changes, count=_CHANGES)
        found = []
        for key, fields in page:
            try:
                found.append(change_from(key, fields))
            except ValueError as error:
                _unreadable.report(fields.get(b"change", b""), error, record=key.decode())
                with _translated_errors():
                    self._redis.xdel(self._keys.dead_changes, key)
        return found

    def forget(self, changes: Collection[ChangedLetter]) -> None:
        """Delete the records."""
        if changes:
            with _translated_errors():
                self._redis.xdel(self._keys.dead_changes, *(change.key for change in changes))

    def _mark(self, begin: str) -> bytes:
        """Return the mark whose member begins so; b"" if there is none."""
        member = begin.encode()
        if not member:
            return b""
        with _translated_errors():
            found: Any = self._redis.zrange(
                self._keys.redrives, b"[" + member, b"(" + member + b"\xff", bylex=True, offset=0, num=1
            )
        return bytes(found[0].removeprefix(member)) if found else b""

    def _run(self, script: str, keys: list[str], *args: Any) -> Any:
        return run_script_sync(self._redis.execute_command, script, keys, *args)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        of_letter = isinstance(error, redis.ResponseError) and str(error).startswith(_OF_A_KEY)
        text = excerpt(f"{type(error).__name__}: {error}")
        raise DeadLettersError(f"Redis refused or did not answer: {text}", of_letter=of_letter) from error
