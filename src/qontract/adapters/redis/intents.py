"""Redis: intents are a hash, from which the script that publishes an event takes its intent."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import redis
from prometheus_client import Counter, Gauge

from qontract.adapters.redis.broker import RedisBroker
from qontract.adapters.redis.keys import intent_name, keys_of
from qontract.adapters.redis.write_durability import NotDurableError
from qontract.adapters.redis.wrong_type_keys import set_wrong_keys_aside_now
from qontract.adapters.unreadable_values import Unreadable, excerpt, read_json
from qontract.application.ports.intents import Intents, IntentsError, by_scope
from qontract.domain.events import DomainEvent, read_event

OPEN = Gauge(
    "qontract_intents_pending",
    "Intents that are pending: of actions that are begun, or in doubt; as last looked at",
    multiprocess_mode="mostrecent",
)
RECOVERED = Counter(
    "qontract_intents_resolved_total",
    "Intents that were resolved, by outcome: their actions were applied, or not applied",
    ["outcome"],
)


_MAX_SCOPE_LENGTH = 500


class RedisIntents(Intents):
    """Keeps intents through the broker; `channel` and `source` are those of the publisher.

    An intent that cannot be read stays, for another version may read it; the others are as if it was not there. A key
    of this name that is no hash is set aside.
    """

    def __init__(self, broker: RedisBroker, *, channel: str, source: str) -> None:
        self._broker = broker
        self._keys = keys_of(channel)
        self._source = source
        self._unreadable = Unreadable("intents", "intent cannot be read; it stays pending")

    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""
        if event.source is None:  # the settings may name another when it is looked into
            event = event.model_copy(update={"source": self._source})
        record = json.dumps([scope, event.model_dump_json()], ensure_ascii=False)
        self._ask(self._broker.write, "HSET", self._name(event), record)

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents that are neither published nor resolved, by scope. This asks Redis in a pause too."""
        found: list[tuple[str, DomainEvent]] = []
        answer: Mapping[bytes, bytes] | list[bytes] = self._ask(partial(self._broker.command, probe=True), "HGETALL")
        pairs = answer.items() if isinstance(answer, Mapping) else zip(answer[::2], answer[1::2], strict=True)
        for name, raw in pairs:  # a server of RESP3 answers with a mapping
            try:
                found.append(self._read(name, raw))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                self._unreadable.report(raw, error, key=self._keys.intents, field=excerpt(name))
        OPEN.set(len(found))
        return by_scope(found)

    def _read(self, name: bytes, raw: bytes) -> tuple[str, DomainEvent]:
        """Return the scope and the event of an intent. Raises ValueError and what else `read_event` does."""
        scope, text = read_json(raw)
        if not isinstance(scope, str) or not scope.isprintable() or not 0 < len(scope) <= _MAX_SCOPE_LENGTH:
            raise ValueError("its scope is none")
        event = read_event(text)
        if self._name(event).encode() != name:  # it could not be resolved
            raise ValueError("its name is that of another event")
        return scope, event

    def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:
        """Forget intents that were looked into."""
        self._ask(self._broker.command, "HDEL", *map(self._name, events))
        RECOVERED.labels("applied" if applied else "not applied").inc(len(events))

    def _name(self, event: DomainEvent) -> str:
        return intent_name(event.source or self._source, event.id)

    def _ask(self, give: Callable[..., Any], command: str, *arguments: str) -> Any:
        """Give a command on the hash, and return the answer. Raises IntentsError."""
        ask = partial(give, command, self._keys.intents, *arguments)
        with _translated():
            try:
                return ask()
            except redis.ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
                set_wrong_keys_aside_now(self._broker.command, self._keys, {self._keys.intents: "hash"})
                return ask()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        unreplicated = isinstance(error, NotDurableError)
        text = excerpt(f"{type(error).__name__}: {error}")
        raise IntentsError(f"Redis: {text}", unreplicated=unreplicated) from error
