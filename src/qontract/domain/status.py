"""Is the system well? The facts about all its parts, and what follows from them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote

from qontract.domain.health_findings import (
    Finding,
    HealthStatus,
    ProbeFailure,
    count_of,
    events_wait,
    not_known,
    not_well,
)
from qontract.domain.job_views import JobCounts, ScopeView
from qontract.domain.jobs import JobStatus
from qontract.domain.processes import ProcessKind, ProcessView, SpoolView, findings_of_processes, findings_of_spools
from qontract.domain.server_health import ServerView, findings_of_server
from qontract.domain.subscriptions import BEHIND_SECONDS, State, SubscriptionView, duration, next_step, state_of

IN_DOUBT = timedelta(minutes=5)
"""How long an intent may be pending. Recovery resolves it earlier, when its call cannot take effect any more."""
_NAMED = 2
"""How many reasons the sentence names."""


@dataclass(frozen=True)
class SystemFacts:
    """What each part of the system answered, or why it did not.

    `needed`: the kinds of process that have to run. `spool`: the name of this host, and its spool, if there is one.
    `intents`: when the pending intents of each scope were recorded. `abandoned_seconds`: after so long without a sign
    of life, a subscription does not hold back the trimming of events any more.
    """

    now: datetime
    needed: Collection[ProcessKind]
    server: ServerView | ProbeFailure
    processes: Sequence[ProcessView] | ProbeFailure
    jobs: JobCounts | ProbeFailure
    scopes: Sequence[ScopeView] | ProbeFailure
    subscriptions: Sequence[SubscriptionView] | ProbeFailure
    intents: Mapping[str, Sequence[datetime]] | ProbeFailure
    spool: tuple[str, SpoolView] | None = None
    abandoned_seconds: float = float("inf")


@dataclass(frozen=True)
class Status:
    """How well the system is, in one sentence; and the findings from which it follows."""

    wellness: HealthStatus
    sentence: str
    findings: tuple[Finding, ...]


def status_of(facts: SystemFacts) -> Status:
    """Return how well the system is.

    If the server does not answer, it is not known. If another part does not answer, it is not known either, unless some
    part is not well.
    """
    if isinstance(facts.server, ProbeFailure):
        step = "start it, or set QAPI_CACHE_BROKER_URL, or QAPI_EVENTS__URL if it is set, to where it is"
        spools = findings_of_spools((), facts.spool)
        findings = (not_known("redis", facts.server, next_step=step), *spools)
        return Status(
            HealthStatus.NOT_KNOWN, "Not known: Redis does not answer, and all else is asked there.", findings
        )
    findings = (*findings_of_server(facts.server), *_findings(facts))
    for wellness, begins in ((HealthStatus.NOT_WELL, "Not well"), (HealthStatus.NOT_KNOWN, "Not known")):
        if wrong := [finding.brief for finding in findings if finding.wellness is wellness]:
            return Status(wellness, f"{begins}: {_together(wrong)}.", findings)
    return Status(HealthStatus.WELL, _all_well(facts), findings)


def _findings(facts: SystemFacts) -> Iterator[Finding]:
    processes = () if isinstance(facts.processes, ProbeFailure) else facts.processes
    if isinstance(facts.processes, ProbeFailure):
        yield not_known("processes", facts.processes)
    else:
        yield from findings_of_processes(processes, facts.needed)
    if isinstance(facts.scopes, ProbeFailure):
        yield not_known("scopes", facts.scopes)
    else:
        yield from (_scope(view, facts.now) for view in facts.scopes)
    yield _jobs(facts.jobs)
    if isinstance(facts.subscriptions, ProbeFailure):
        yield not_known("subscriptions", facts.subscriptions)
    else:
        yield from (_subscription(view, facts.abandoned_seconds) for view in facts.subscriptions)
    yield from findings_of_spools(processes, facts.spool)
    yield from _intents(facts)
    if not isinstance(facts.subscriptions, ProbeFailure):
        yield from (_dead_letters(view) for view in facts.subscriptions if view.dead_letters)


def _scope(view: ScopeView, now: datetime) -> Finding:
    name = f"{view.integration}/{view.scope}"
    ended = duration(max(0.0, (now - view.last_ended).total_seconds()))
    success = "none is known"
    if view.last_success:
        success = f"{duration(max(0.0, (now - view.last_success).total_seconds()))} ago"
    step = f"qontract jobs show {quote(view.job_id)}"
    if view.last_status is JobStatus.BLOCKED:
        accept = f", and if it is meant, run it again with --accept-plan {view.blocked_digest}"
        return not_well(
            "scope",
            f"a guard stopped its plan {ended} ago; last success: {success}",
            name=name,
            brief=f"a guard stopped {name}",
            next_step=step + (accept if view.blocked_digest else ""),
        )
    if view.last_status is JobStatus.FAILED:
        says = f"its last job failed {ended} ago; last success: {success}"
        return not_well("scope", says, name=name, brief=f"{name} failed", next_step=step)
    return Finding("scope", f"last success: {success}", name=name)


def _jobs(jobs: JobCounts | ProbeFailure) -> Finding:
    if isinstance(jobs, ProbeFailure):
        return not_known("jobs", jobs)
    says = f"{jobs.waiting} waiting, {jobs.running} running"
    if not jobs.waiting:
        return Finding("jobs", says)
    age = duration(jobs.oldest_waiting_seconds)
    says += f", the oldest waits for {age}"
    if jobs.oldest_waiting_seconds <= BEHIND_SECONDS:
        return Finding("jobs", says)
    step = "qontract jobs list --status pending; more workers, or a larger QAPI_WORKER__CONCURRENCY"
    return not_well("jobs", says, brief=f"a job waits for {age}", next_step=step)


def _subscription(view: SubscriptionView, abandoned_seconds: float) -> Finding:
    state, reason = state_of(view, abandoned_seconds)
    waiting = view.lag + view.pending
    says = f"{state}: {reason}"
    if waiting:
        age = "" if state is State.BEHIND else f", the oldest {duration(view.oldest_seconds)} old"
        says += f"; {count_of(waiting, 'event')}{age}"
    if state is State.RUNNING:
        return Finding("subscription", says, name=view.name)
    brief = f"{view.name} is {state}"
    if state in (State.NO_REPLICA, State.ABANDONED):
        brief = f"{events_wait(waiting)} for {view.name}" if waiting else ""
        brief = brief or f"nobody runs {view.name}"
    step = next_step(state, quote(view.name)) or ""
    return not_well("subscription", says, name=view.name, brief=brief, next_step=step)


def _intents(facts: SystemFacts) -> Iterator[Finding]:
    if isinstance(facts.intents, ProbeFailure):
        yield not_known("intents", facts.intents)
        return
    pending = sum(map(len, facts.intents.values()))
    if not pending:
        yield Finding("intents", "none is pending")
        return
    oldest, scope = min((min(times), scope) for scope, times in facts.intents.items() if times)
    age = facts.now - oldest
    says = f"{pending} pending, the oldest for {duration(age.total_seconds())}: {scope}"
    if age <= IN_DOUBT:
        yield Finding("intents", says)
        return
    step = "look for `intents not resolved yet` and `intents stay pending` in the worker's log"
    yield not_well("intents", says, brief=f"intents of {scope} stay pending", next_step=step)


def _dead_letters(view: SubscriptionView) -> Finding:
    letters = count_of(view.dead_letters, "dead letter")
    step = f"qontract dead-letters groups --subscription {quote(view.name)}"
    return not_well("dead letters", letters, name=view.name, brief=f"{view.name} has {letters}", next_step=step)


def _together(reasons: Sequence[str]) -> str:
    rest = len(reasons) - _NAMED
    return "; ".join([*reasons[:_NAMED], *([f"and {rest} more"] if rest > 0 else [])])


def _all_well(facts: SystemFacts) -> str:
    processes = () if isinstance(facts.processes, ProbeFailure) else [one for one in facts.processes if one.runs]
    views = () if isinstance(facts.subscriptions, ProbeFailure) else facts.subscriptions
    kinds = ", ".join(count_of(number, kind) for kind in ProcessKind if (number := _number(kind, processes)))
    return f"Well: {kinds or 'no process'}; {count_of(len(views), 'subscription')}."


def _number(kind: ProcessKind, processes: Sequence[ProcessView]) -> int:
    return sum(one.process.kind is kind for one in processes)
