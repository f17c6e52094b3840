"""All that is done with dead letters on Redis, by who may."""

from typing import Any

import pytest

from qontract.adapters.redis import RedisDeadLetters, RedisRedriveRuns
from qontract.application.ports.dead_letters import ChangedBy, DeadLettersError
from tests.support.acl import CHANNEL, STREAM
from tests.support.redis_event_log import KEYS


def change_letters(url: str, admin: Any) -> None:
    """Redrive and discard dead letters, in a run, and tell of it."""
    admin.xgroup_create(STREAM, "s", "0")
    letters = RedisDeadLetters(url, channel=CHANNEL, stream=STREAM)
    fields: Any = {"__data__": b"{}", "subscription": "s", "entry": "1-0", "failures": "[]"}
    first, second, third, fourth = [admin.xadd(KEYS.dead, fields).decode() for _ in range(4)]
    admin.hset(KEYS.dead_counts, "s", 2)
    assert [letter.id for letter in letters.iterate()] == [first, second, third, fourth]
    runs = RedisRedriveRuns(url, channel=CHANNEL, stream=STREAM)
    admin.hset(KEYS.redrive_runs, "g", "no run")
    runs.end(runs.begin("other", "s", "alice"))
    assert letters.redrive(first, ChangedBy("alice", batch="batch"))
    run = runs.begin("g", "s", "alice")
    assert letters.redrive(second, ChangedBy("alice", run.id, "batch"))
    assert runs.unacknowledged(run).waiting == 1
    runs.end(run)
    letters.forget(letters.changes())
    assert letters.discard(fourth, ChangedBy("alice", batch="batch"))
    assert letters.redriven("s", "1-0")
    admin.set(KEYS.dead_changes, "of another type")
    with pytest.raises(DeadLettersError):
        letters.redrive(third, ChangedBy("alice", batch="batch"))
