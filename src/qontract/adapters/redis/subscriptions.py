"""Redis: the consumer groups of the stream, and what is known of each, as somebody looks at them who is in none."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import redis

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.errors import translate_stream_errors
from qontract.adapters.redis.kept_events import milliseconds
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.records.subscription_views import subscription_view
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.subscriptions import BusyError, Subscriptions, SubscriptionsError, Target
from qontract.domain.subscriptions import ALIVE_SECONDS, SeekPreview, SubscriptionView

_MAX_SUBSCRIPTIONS = 200
"""How many subscriptions are looked at."""
_MAX_NAMES = 1000
_MAX_STEPS = 100
_MAX_PENDING = 10_000
_LAST = 2**64 - 1


class RedisSubscriptions(Subscriptions):
    """The groups of `stream`, with the keys of `channel`; "" if no event is kept.

    `timeout` bounds connecting and each answer, in seconds; `alive_seconds` is for how long a replica may show no life.
    """

    def __init__(
        self, url: str, *, channel: str, stream: str, timeout: float = 5.0, alive_seconds: float = ALIVE_SECONDS
    ) -> None:
        self._keys = keys_of(channel, stream)
        self._alive_seconds = alive_seconds
        self._redis = client(url, timeout=timeout)

    def all(self) -> Sequence[SubscriptionView]:
        """Return the groups, and the names without one that somebody has run or paused; those of the shortest names."""
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            groups = self._groups()
            names = set(groups)
            for key in (self._keys.alive, self._keys.paused):
                if self._redis.type(key) == b"hash":
                    names |= {name for name, _ in islice(self._redis.hscan_iter(key), _MAX_NAMES)}
            chosen = sorted(sorted(names, key=len)[:_MAX_SUBSCRIPTIONS])
            return [subscription_view(self._redis, self._keys, name, groups.get(name)) for name in chosen]

    def get(self, name: str) -> SubscriptionView | None:
        """Return one."""
        key = _bytes(name)
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            group = self._groups().get(key)
            known = (self._redis.hexists(place, key) for place in (self._keys.alive, self._keys.paused))
            if not key or (group is None and not any(known)):
                return None
            return subscription_view(self._redis, self._keys, key, group)

    def pause(self, name: str, by: str) -> bool:
        """Set the field of the subscription, unless it is there."""
        record = json.dumps({"since": datetime.now(UTC).isoformat(), "by": by})
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            return bool(self._redis.hsetnx(self._keys.paused, name, record))

    def resume(self, name: str) -> bool:
        """Delete the field."""
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            return bool(self._redis.hdel(self._keys.paused, name))

    def preview(self, name: str, target: Target) -> SeekPreview | None:
        """Count in steps, of which each keeps the server for some milliseconds."""
        key = _bytes(name)
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            group = self._groups().get(key)
            if group is None:
                return None
            old, new = group["last-delivered-id"].decode(), self._position(target)
            if _number(new) >= _number(old):
                unread, more = self._count(old, new)
                return SeekPreview(new, 0, unread + group["pending"], more)
            again, more = self._count(new, old)
            lost: Any = self._redis.xpending_range(self._keys.stream, key, "-", new, _MAX_PENDING)
            return SeekPreview(new, again, len(lost), more or len(lost) == _MAX_PENDING)

    def seek(self, name: str, target: Target) -> bool:
        """Make the group again, in a script."""
        keys = self._keys
        places = [keys.stream, keys.records(name), keys.lease(name), keys.paused, keys.alive, keys.places]
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            return self._run(name, "seek_subscription", places, self._position(target), self._alive_seconds)

    def remove(self, name: str) -> bool:
        """Destroy the groups and the keys, in a script."""
        keys = self._keys
        more = (keys.outcomes(name), keys.interests, keys.places)
        of_it = [keys.redriven(name), keys.stream, keys.records(name), keys.lease(name)]
        with translate_stream_errors(SubscriptionsError, self._keys.stream):
            return self._run(name, "remove_subscription", [*of_it, keys.paused, keys.alive, *more], self._alive_seconds)

    def _run(self, name: str, script: str, keys: list[str], *args: Any) -> bool:
        if not _bytes(name):
            return False
        answer: Any = run_script_sync(self._redis.execute_command, script, keys, name, *args)
        if not isinstance(answer, list):
            return bool(answer)
        if answer[0] == b"led":
            raise BusyError(f"the replica {excerpt(answer[1])} leads it")
        raise BusyError("a replica runs it")

    def _groups(self) -> Mapping[bytes, Any]:
        try:
            groups: Any = self._redis.xinfo_groups(self._keys.stream)
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            return {}
        return {group["name"]: group for group in groups}

    def _position(self, target: Target) -> str:
        """Return the id after which the target is; not after the end, where more may come in time."""
        if target == "start":
            return "0-0"
        info: Any = self._redis.xinfo_stream(self._keys.stream)
        end = str(info["last-generated-id"].decode())
        if target == "end":
            return end
        first = milliseconds(target)
        before = f"{first - 1}-{_LAST}" if first else "0-0"
        return min(before, end, key=_number)

    def _count(self, after: str, last: str) -> tuple[int, bool]:
        """Return how many entries there are, and whether there are more than were counted."""
        count = 0
        for _ in range(_MAX_STEPS):
            if _number(after) >= _number(last):
                return count, False
            step, *rest = run_script_sync(
                self._redis.execute_command, "count_entries", [self._keys.stream], after, last
            )
            count += step
            if not rest:
                return count, False
            after = rest[0].decode()
        return count, True


def _bytes(name: str) -> bytes:
    """Return the name as Redis has it; nothing for half a character."""
    return b"" if any("\ud800" <= char <= "\udfff" for char in name) else name.encode()


def _number(entry_id: str) -> tuple[int, ...]:
    return tuple(map(int, entry_id.split("-")))
