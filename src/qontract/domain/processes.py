"""The processes of qontract: which run, with which version, and which are not well."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from qontract.domain.health_findings import Finding, events_wait, not_well, size
from qontract.domain.subscriptions import ALIVE_SECONDS, duration

SPOOLED_SECONDS = 60.0
"""How long an event may wait in a spool. Normally it is sent within seconds."""


class ProcessKind(StrEnum):
    """The kinds of process. Each has a command of the same name."""

    API = "api"
    WORKER = "worker"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True)
class Spooled:
    """The events that wait in a spool: how many, the age of the oldest, and the size of the file."""

    events: int = 0
    oldest_seconds: float = 0
    bytes: int = 0


@dataclass(frozen=True)
class SpoolView:
    """A spool file, which the processes of one host and user share. `error` says why it cannot be read."""

    path: str
    spooled: Spooled = Spooled()
    error: str = ""


@dataclass(frozen=True)
class Process:
    """What a process reports of itself. No other process has its `name`.

    `installed` has its integrations or handlers. `refused` has those that it cannot use, and why.
    """

    kind: ProcessKind
    name: str
    host: str
    pid: int
    version: str
    python: str
    started: datetime
    installed: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    spool: SpoolView | None = None


@dataclass(frozen=True)
class ProcessView:
    """A process, and how many `seconds` ago it last showed life. `ended`: that was its end."""

    process: Process
    seconds: float
    ended: bool = False

    @property
    def runs(self) -> bool:
        """Whether it runs: it has not ended, and showed life a moment ago."""
        return not self.ended and self.seconds <= ALIVE_SECONDS


def findings_of_processes(processes: Sequence[ProcessView], needed: Collection[ProcessKind]) -> Iterator[Finding]:
    """Yield a finding for each running process, each kind that is needed and missing, and different versions."""
    running = [one for one in processes if one.runs]
    for kind in ProcessKind:
        of_kind = sorted((one for one in running if one.process.kind is kind), key=lambda one: one.process.name)
        yield from map(_process_finding, of_kind)
        if kind in needed and not of_kind:
            yield _missing_process(kind, [one for one in processes if one.process.kind is kind])
    versions = sorted({one.process.version for one in running})
    if len(versions) > 1:
        of_each = ", ".join(f"{version} ({_kinds(running, version)})" for version in versions)
        yield Finding("versions", f"they differ: {of_each}")


def findings_of_spools(processes: Sequence[ProcessView], here: tuple[str, SpoolView] | None) -> Iterator[Finding]:
    """Yield a finding for the spool of each host. `here` is the spool of this machine, as it is now."""
    spools: dict[tuple[str, str], SpoolView] = {}
    for one in sorted(processes, key=lambda one: -one.seconds):  # the latest report counts
        if one.runs and one.process.spool:
            spools[one.process.host, one.process.spool.path] = one.process.spool
    if here:
        host, spool = here
        spools[host, spool.path] = spool
    for (host, _), spool in sorted(spools.items()):
        yield _spool(host, spool)


def _process_finding(view: ProcessView) -> Finding:
    process = view.process
    about = (
        f"{process.host} pid {process.pid}, version {process.version}, since {process.started:%Y-%m-%d %H:%M:%S},"
        f" seen {duration(view.seconds)} ago"
    )
    if process.installed:
        about += f"; has {', '.join(process.installed)}"
    if not process.refused:
        return Finding(process.kind, about, name=process.name)
    why = "; ".join(f"{name}: {reason}" for name, reason in sorted(process.refused.items()))
    return not_well(
        process.kind,
        f"{about}; refused: {why}",
        name=process.name,
        brief=f"a {process.kind} refuses {', '.join(sorted(process.refused))}",
        next_step="fix the package or its settings, or uninstall it; then start the process again",
    )


def _missing_process(kind: ProcessKind, known: Sequence[ProcessView]) -> Finding:
    says = f"no {kind} runs"
    last = min(known, key=lambda one: one.seconds, default=None)
    if last is None:
        seen = "none was seen in the last day"
    else:
        how = "ended" if last.ended else "was seen"
        seen = f"the last, {last.process.host} pid {last.process.pid}, {how} {duration(last.seconds)} ago"
    return not_well(kind, f"{says}; {seen}", brief=says, next_step=f"qontract {kind}")


def _kinds(running: Sequence[ProcessView], version: str) -> str:
    return ", ".join(sorted(one.process.kind.value for one in running if one.process.version == version))


def _spool(host: str, spool: SpoolView) -> Finding:
    if spool.error:
        return not_well(
            "spool",
            spool.error,
            name=host,
            brief=f"the spool of {host} cannot be read",
            next_step="make it readable, or stop the workers of that machine and move it away",
        )
    spooled = spool.spooled
    if not spooled.events:
        return Finding("spool", f"no event waits: {spool.path}", name=host)
    waits = f"{events_wait(spooled.events)} in the spool"
    says = f"{waits}, the oldest for {duration(spooled.oldest_seconds)}; {size(spooled.bytes)}: {spool.path}"
    if spooled.oldest_seconds <= SPOOLED_SECONDS:
        return Finding("spool", says, name=host)
    return not_well("spool", says, name=host, brief=f"{waits} of {host}", next_step=f"on {host}: qontract events flush")
