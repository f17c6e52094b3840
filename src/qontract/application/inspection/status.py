"""Use case: ask all parts of the system for their state, at the same time, and wait a few seconds for the answers."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

from qontract.application.event_manager import EventManager
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.job_admin import JobAdmin, JobAdminError
from qontract.application.ports.process_registry import ProcessRegistry
from qontract.application.ports.server_info import ServerInfo
from qontract.application.ports.subscriptions import Subscriptions
from qontract.domain.health_findings import ProbeFailure
from qontract.domain.processes import ProcessKind, SpoolView
from qontract.domain.status import SystemFacts

T = TypeVar("T")

SECONDS = 2.5
"""How long to wait for the answers of all parts together."""


class SystemStatus:
    """Asks all parts of the system from this machine.

    `jobs` returns the store of jobs; None if the key that signs jobs is not known. `subscriptions` is None if no events
    are kept, and `events` if none are published. `spool` has the name of this host, and the path of its spool. `needed`
    has the kinds of process that have to run.
    """

    def __init__(
        self,
        server: ServerInfo,
        process_registry: ProcessRegistry,
        jobs: Callable[[], JobAdmin] | None,
        subscriptions: Subscriptions | None,
        events: EventManager | None,
        *,
        spool: tuple[str, str],
        needed: Collection[ProcessKind],
        abandoned_seconds: float,
        seconds: float = SECONDS,
    ) -> None:
        self._server = server
        self._presence = process_registry
        self._jobs = jobs
        self._subscriptions = subscriptions
        self._events = events
        self._spool = spool
        self._needed = needed
        self._abandoned_seconds = abandoned_seconds
        self._seconds = seconds

    def read_facts(self) -> SystemFacts:
        """Return what is known now. It never raises, and takes no longer than `seconds`."""
        job_admin = self._jobs() if self._jobs else None  # before the time begins: this may import a lot
        until = monotonic() + self._seconds
        server = _Question(self._server.read)
        processes = _Question(self._presence.all)
        jobs = _Question(lambda: _known(job_admin).counts())
        scopes = _Question(lambda: _known(job_admin).scopes())
        subscriptions = _Question(self._subscriptions.all if self._subscriptions else tuple)
        intents = _Question(self._intents)
        spool = _Question(self._spool_here)
        here = spool.answer(until)
        return SystemFacts(
            now=datetime.now(UTC),
            needed=self._needed,
            server=server.answer(until),
            processes=processes.answer(until),
            jobs=jobs.answer(until),
            scopes=scopes.answer(until),
            subscriptions=subscriptions.answer(until),
            intents=intents.answer(until),
            spool=(self._spool[0], SpoolView(self._spool[1], error=here.why))
            if isinstance(here, ProbeFailure)
            else here,
            abandoned_seconds=self._abandoned_seconds,
        )

    def _intents(self) -> dict[str, list[datetime]]:
        pending = self._events.pending() if self._events else {}
        return {scope: [event.time for event in events] for scope, events in pending.items()}

    def _spool_here(self) -> tuple[str, SpoolView] | None:
        host, path = self._spool
        view = spool_view(self._events, path)
        return (host, view) if view and (view.error or view.spooled.bytes) else None


def spool_view(events: EventManager | None, path: str) -> SpoolView | None:
    """Return the view of the spool of this machine; None if there is no spool."""
    try:
        spooled = events.spooled() if events else None
    except EventSpoolError as error:
        return SpoolView(path, error=str(error))
    return SpoolView(path, spooled) if spooled else None


def _known(jobs: JobAdmin | None) -> JobAdmin:
    if jobs is None:
        raise JobAdminError("QAPI_AUTH__SECRET is not set, and what is known of jobs is signed with it")
    return jobs


class _Question(Generic[T]):
    """Asks on its own thread: a part that hangs holds up no other part, and not the end of the process."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._answer: T | ProbeFailure | None = None
        self._thread = Thread(target=self._run, args=(ask,), daemon=True)
        self._asked = monotonic()
        self._thread.start()

    def answer(self, until: float) -> T | ProbeFailure:
        """Wait for the answer, and return it; or return that there was none in time."""
        self._thread.join(max(0.0, until - monotonic()))
        if self._thread.is_alive():
            return ProbeFailure(f"no answer within {until - self._asked:.1f} s")
        return self._answer  # type: ignore[return-value] # the thread has ended, and so has set it

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            self._answer = ask()
        except Exception as error:  # noqa: BLE001 - any error of one part leaves the others
            self._answer = ProbeFailure(str(error) or type(error).__name__)
