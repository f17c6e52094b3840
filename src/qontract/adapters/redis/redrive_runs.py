"""Redis: the runs in which groups of dead letters are redriven, in a hash."""

import json
from typing import Any
from uuid import uuid4

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.errors import translate_stream_errors
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.records.attempt_records import restore_attempts
from qontract.adapters.redis.records.entries import is_entry_id
from qontract.adapters.redis.records.redrive_marks import mark_from
from qontract.adapters.unreadable_values import Unreadable, read_json
from qontract.application.ports.dead_letters import DeadLettersError
from qontract.application.ports.event_log import Entry
from qontract.application.ports.redrive_runs import RedriveRuns, Run, Unacknowledged
from qontract.domain.dead_letters import FailedAttempt

_PAGE = 1000
_IDS = ("newest", "position")
_unreadable = Unreadable("redrive-runs", "record of a redrive run cannot be read; the run begins anew")


class RedisRedriveRuns(RedriveRuns):
    """The runs of a channel, whose events are kept in `stream`.

    `timeout` bounds connecting and each answer, in seconds. What cannot be read counts as none.
    """

    def __init__(self, url: str, *, channel: str, stream: str, timeout: float = 5.0) -> None:
        self._keys = keys_of(channel, stream)
        self._redis = client(url, timeout=timeout)

    def begin(self, group: str, subscription: str, by: str) -> Run:
        """Put the run on record, unless there is one."""
        with translate_stream_errors(DeadLettersError, self._keys.stream):
            new = {
                "id": str(uuid4()),
                "subscription": subscription,
                "newest": self._last(self._keys.dead),
                "by": by,
                "position": self._last(self._keys.redriven(subscription)),
            }
            self._redis.hsetnx(self._keys.redrive_runs, group, json.dumps(new))
            found: Any = self._redis.hget(self._keys.redrive_runs, group)
            run = _run(group, found or b"")
            if run and run.subscription == subscription:
                return run
            self._redis.hset(self._keys.redrive_runs, group, json.dumps(new))
        return Run(group=group, **new)

    def unacknowledged(self, run: Run) -> Unacknowledged:
        """Look at the redriven stream, without its events, from where the run began."""
        failures: list[FailedAttempt] = []
        waiting, after = 0, run.position
        keys = [self._keys.redriven(run.subscription), self._keys.records(run.subscription)]
        while after:
            with translate_stream_errors(DeadLettersError, self._keys.stream):
                flat: Any = run_script_sync(self._redis.execute_command, "list_redriven", keys, after, _PAGE)
            for mark, record in zip(flat[1::3], flat[2::3], strict=True):
                redriven = mark_from(mark)
                if redriven and redriven.run == run.id:
                    waiting += 1
                    failures += _failures(record)[-1:]
            after = flat[-3].decode() if len(flat) == 3 * _PAGE else ""
        return Unacknowledged(waiting, tuple(failures))

    def end(self, run: Run) -> None:
        """Delete the record, if it is still that of the run."""
        with translate_stream_errors(DeadLettersError, self._keys.stream):
            found: Any = self._redis.hget(self._keys.redrive_runs, run.group)
            if found and _run(run.group, found) == run:
                self._redis.hdel(self._keys.redrive_runs, run.group)

    def _last(self, stream: str) -> str:
        """Return the last id that the stream has ever had."""
        if not self._redis.exists(stream):
            return "0-0"
        info: Any = self._redis.xinfo_stream(stream)
        return str(info["last-generated-id"].decode())


def _run(group: str, record: bytes) -> Run | None:
    """Return the run; None if the record is none."""
    try:
        found = read_json(record)
        texts = {name: str(found[name]) for name in ("id", "subscription", "newest", "by", "position")}
    except (ValueError, KeyError, TypeError) as error:
        _unreadable.report(record, error, group=group)
        return None
    if not all(is_entry_id(texts[name]) for name in _IDS):
        _unreadable.report(record, ValueError("it has no ids"), group=group)
        return None
    return Run(group=group, **texts)


def _failures(record: bytes) -> tuple[FailedAttempt, ...]:
    """Return the failed attempts that are on record; none if that cannot be read, which the subscriber names."""
    entry = Entry("", None)
    try:
        restore_attempts(entry, record)
    except ValueError:
        return ()
    return entry.failures
