"""Redis: intents are a hash, from which the script that publishes an event takes its intent."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import redis
from prometheus_client import Counter, Gauge

from qontract.adapters.redis.broker import RedisBroker
from qontract.adapters.redis.keys import intent_name, keys_of
from qontract.application.ports.intents import Intents, IntentsError, by_scope
from qontract.domain.events import DomainEvent, read_event

log = logging.getLogger(__name__)

OPEN = Gauge(
    "qontract_intents_open", "Actions that are begun, or in doubt; as last looked at", multiprocess_mode="mostrecent"
)
RECOVERED = Counter(
    "qontract_intents_recovered_total", "Actions in doubt that were looked into, by what became of them", ["outcome"]
)


class RedisIntents(Intents):
    """Keeps intents through the broker; `channel` and `source` are those of the publisher."""

    def __init__(self, broker: RedisBroker, *, channel: str, source: str) -> None:
        self._broker = broker
        self._key = keys_of(channel).intents
        self._source = source
        self._unreadable: set[bytes] = set()

    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""
        if event.source is None:  # the settings may name another when it is looked into
            event = event.model_copy(update={"source": self._source})
        record = json.dumps([scope, event.model_dump_json()], ensure_ascii=False)
        with _translated():
            self._broker.command("HSET", self._key, self._name(event), record)

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents that are neither published nor resolved, by scope. This asks Redis in a pause too."""
        found: list[tuple[str, DomainEvent]] = []
        with _translated():
            answer: list[bytes] = self._broker.command("HVALS", self._key, probe=True)
        for raw in answer:
            try:
                scope, event = json.loads(raw)
                found.append((scope, read_event(event)))
            except (ValueError, TypeError):
                self._report(raw)
        OPEN.set(len(answer))
        return by_scope(found)

    def _report(self, raw: bytes) -> None:
        if raw not in self._unreadable:
            self._unreadable.add(raw)
            log.error("an intent cannot be read, and stays", extra={"key": self._key, "value": repr(raw[:200])})

    def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:
        """Forget intents that were looked into."""
        with _translated():
            self._broker.command("HDEL", self._key, *map(self._name, events))
        RECOVERED.labels("applied" if applied else "not applied").inc(len(events))

    def _name(self, event: DomainEvent) -> str:
        return intent_name(event.source or self._source, event.id)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise IntentsError(f"Redis: {type(error).__name__}: {error}") from error
