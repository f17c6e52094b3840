"""Redis: processes show that they run in a hash, with the time of the server in a sorted set."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.errors import translate_errors
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.wrong_type_keys import set_wrong_keys_aside_now
from qontract.adapters.unreadable_values import Unreadable, excerpt, read_json
from qontract.application.ports.process_registry import ProcessRegistry, ProcessRegistryError
from qontract.domain.processes import Process, ProcessView

_DAY = 86_400
_MAX_PROCESSES = 500
_MAX_RECORD_LENGTH = 20_000
_AHEAD_MILLISECONDS = 60_000
"""By how much a process may have been seen after now: the server's clock may have been set back."""
_PROCESS = TypeAdapter(Process)


class RedisProcessRegistry(ProcessRegistry):
    """Uses the keys of `channel`. `timeout` bounds connecting and each answer, in seconds."""

    def __init__(self, url: str, *, channel: str, timeout: float = 2.0) -> None:
        self._keys = keys_of(channel)
        self._unreadable = Unreadable("processes", "record of a process cannot be read; it is left out")
        self._redis = client(url, timeout=timeout)

    def show(self, process: Process) -> None:
        """Show that the process runs."""
        self._show(process, ended=False)

    def withdraw(self, process: Process) -> None:
        """Show that the process has ended."""
        self._show(process, ended=True)

    def all(self) -> Sequence[ProcessView]:
        """Return who was seen."""
        now, *rest = self._run("list_processes", _MAX_PROCESSES, _MAX_RECORD_LENGTH)
        rows = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
        return [seen for name, at, record in rows if (seen := self._read(name, float(now) - float(at), record))]

    def _show(self, process: Process, *, ended: bool) -> None:
        """Put it on record; a key that is not what it should be is set aside."""
        record = json.dumps({"process": _PROCESS.dump_python(process, mode="json"), "ended": ended})
        try:
            self._run("register_process", process.name, record, _DAY, _MAX_PROCESSES)
        except ProcessRegistryError as error:
            if "WRONGTYPE" not in str(error):
                raise
            with translate_errors(ProcessRegistryError):
                types = {self._keys.processes: "hash", self._keys.processes_seen: "zset"}
                set_wrong_keys_aside_now(self._redis.execute_command, self._keys, types)
            self._run("register_process", process.name, record, _DAY, _MAX_PROCESSES)

    def _read(self, name: bytes, milliseconds: float, record: bytes) -> ProcessView | None:
        """Return what a record says; None if it cannot be read, which is reported, or is a day old."""
        try:
            if milliseconds < -_AHEAD_MILLISECONDS:
                raise ValueError("it was seen in the future")  # noqa: TRY301 - reported as all else
            found = read_json(record)
            process = _PROCESS.validate_python(found["process"], strict=False)
            if process.name.encode() != name:
                raise ValueError("its name is that of another process")  # noqa: TRY301 - as above
            seconds = max(0.0, milliseconds / 1000)
            return ProcessView(process, seconds, found["ended"] is True) if seconds < _DAY else None
        except (ValueError, TypeError, KeyError) as error:
            self._unreadable.report(record, error, key=self._keys.processes, field=excerpt(name))
            return None

    def _run(self, script: str, *arguments: Any) -> Any:
        keys = [self._keys.processes, self._keys.processes_seen]
        with translate_errors(ProcessRegistryError):
            return run_script_sync(self._redis.execute_command, script, keys, *arguments)
