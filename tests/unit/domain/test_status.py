"""Is it well? Each reason for which it is not has a sentence, and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qontract.domain.health_findings import Finding, HealthStatus, ProbeFailure
from qontract.domain.job_views import JobCounts, ScopeView
from qontract.domain.jobs import JobStatus
from qontract.domain.processes import ProcessKind, ProcessView, Spooled, SpoolView
from qontract.domain.server_health import ServerView
from qontract.domain.status import SystemFacts, status_of
from qontract.domain.subscriptions import Pause, Replica, SubscriptionView
from tests.unit.domain.test_processes import process

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
AUDIT_LOG = SubscriptionView("audit-log", replicas=(Replica("ops-1", 1, 0),), leader="ops-1", alive_seconds=1)
WELL = SystemFacts(
    NOON,
    set(ProcessKind),
    ServerView("Valkey", "9.1.0", (7, 2, 4), "redis-1:6379"),
    [ProcessView(process(kind), 1) for kind in ProcessKind],
    JobCounts(),
    [],
    [AUDIT_LOG],
    {},
    abandoned_seconds=1000,
)
AWAY = ProbeFailure("redis-1:6379 refused or did not answer: ConnectionError")


def wrong(**facts: Any) -> list[Finding]:
    """Return what is not well with these facts in place of those with which all is."""
    found = status_of(replace(WELL, **facts)).findings
    return [finding for finding in found if finding.wellness is not HealthStatus.WELL]


def sentence(**facts: Any) -> str:
    return status_of(replace(WELL, **facts)).sentence


def test_each_finding_is_named_after_its_part_of_the_system() -> None:
    for jobs in (JobCounts(), JobCounts(waiting=1)):
        things = {finding.thing for finding in status_of(replace(WELL, jobs=jobs)).findings}
        assert things >= {"jobs", "subscription", "intents", *ProcessKind}


def test_where_all_is_well_the_sentence_counts_what_runs() -> None:
    assert wrong() == []
    assert status_of(WELL).wellness is HealthStatus.WELL
    assert sentence() == "Well: 1 api, 1 worker, 1 subscriber; 1 subscription."


def test_no_subscriber_and_30000_events_that_wait_are_not_well() -> None:
    waits = SubscriptionView("audit-log", lag=30_000, oldest_seconds=720, alive_seconds=725)
    without = [seen for seen in WELL.processes if seen.process.kind is not ProcessKind.SUBSCRIBER]  # type: ignore[union-attr]
    facts = {"processes": without, "subscriptions": [waits]}
    assert sentence(**facts) == "Not well: no subscriber runs; 30000 events wait for audit-log."
    subscriber, subscription = wrong(**facts)
    assert subscriber.next_step == "qontract subscriber"
    assert subscription.says == "no replica: nobody has run it for 12 min 5 s; 30000 events, the oldest 12 min old"
    assert subscription.next_step.startswith("start a subscriber that has its handler")


def test_a_server_that_does_not_answer_is_not_known_whatever_else_is_and_the_spool_here_is_told() -> None:
    spool = ("ops-1", SpoolView("/spool.sqlite", Spooled(3, 720, 12_300)))
    status = status_of(replace(WELL, server=AWAY, processes=AWAY, subscriptions=AWAY, intents=AWAY, spool=spool))
    assert status.wellness is HealthStatus.NOT_KNOWN
    assert status.sentence == "Not known: Redis does not answer, and all else is asked there."
    redis, waits = status.findings
    assert redis.says == AWAY.why
    assert redis.next_step == "start it, or set QAPI_CACHE_BROKER_URL, or QAPI_EVENTS__URL if it is set, to where it is"
    assert waits.brief == "3 events wait in the spool of ops-1"


@pytest.mark.parametrize("part", ["processes", "jobs", "scopes", "subscriptions", "intents"])
def test_a_part_that_does_not_answer_leaves_it_open(part: str) -> None:
    status = status_of(replace(WELL, **{part: ProbeFailure("no answer within 2.5 s")}))  # type: ignore[arg-type]
    assert status.wellness is HealthStatus.NOT_KNOWN
    assert status.sentence == f"Not known: {part}: no answer within 2.5 s."
    assert [finding.thing for finding in status.findings if finding.wellness is HealthStatus.NOT_KNOWN] == [part]


def test_what_is_known_to_be_not_well_counts_more_than_what_is_not_known() -> None:
    assert sentence(intents=AWAY, processes=[]).startswith("Not well: no api runs; no worker runs; and 1 more")


@pytest.mark.parametrize(
    ("view", "brief", "step"),
    [
        (replace(AUDIT_LOG, leader="", replicas=()), "audit-log is standing by", "if it stays so, look for"),
        (replace(AUDIT_LOG, lag=1, oldest_seconds=901), "audit-log is behind", "look for `attempt failed`"),
        (SubscriptionView("crm", alive_seconds=60), "nobody runs crm", "start a subscriber that has its handler"),
        (SubscriptionView("crm", pending=1, alive_seconds=2000), "1 event waits for crm", "run it, or `qontract"),
        (replace(AUDIT_LOG, paused=Pause(None, "alice")), "audit-log is paused", "qontract subscriptions resume"),
        (
            replace(AUDIT_LOG, dead_letters=4),
            "audit-log has 4 dead letters",
            "qontract dead-letters groups --subscription",
        ),
    ],
    ids=["standing by", "behind", "no replica", "abandoned", "paused", "dead letters"],
)
def test_each_state_of_a_subscription_that_is_not_well_says_why_and_what_to_do(
    view: SubscriptionView, brief: str, step: str
) -> None:
    [finding] = wrong(subscriptions=[view])
    assert finding.brief == brief
    assert finding.thing == ("dead letters" if view.dead_letters else "subscription")
    assert finding.next_step.startswith(step)


ACME = ScopeView(
    "slack-usergroups", "acme", NOON - timedelta(minutes=3), JobStatus.SUCCESS, NOON - timedelta(minutes=3), "j-1"
)


def test_a_scope_says_when_it_was_last_brought_to_its_desired_state() -> None:
    [finding] = [one for one in status_of(replace(WELL, scopes=[ACME])).findings if one.thing == "scope"]
    assert (finding.name, finding.says) == ("slack-usergroups/acme", "last success: 3 min ago")
    assert finding.wellness is HealthStatus.WELL


def test_a_scope_that_ended_by_a_clock_that_is_ahead_ended_just_now() -> None:
    ahead = NOON + timedelta(minutes=2)
    [finding] = wrong(scopes=[replace(ACME, last_ended=ahead, last_success=ahead, last_status=JobStatus.FAILED)])
    assert finding.says == "its last job failed 0 s ago; last success: 0 s ago"


@pytest.mark.parametrize(
    ("how", "says", "brief", "step"),
    [
        (
            {"last_status": JobStatus.BLOCKED, "blocked_digest": "9f86"},
            "a guard stopped its plan 3 min ago; last success: 3 min ago",
            "a guard stopped slack-usergroups/acme",
            "qontract jobs show j-1, and if it is meant, run it again with --accept-plan 9f86",
        ),
        (
            {"last_status": JobStatus.FAILED, "last_success": None},
            "its last job failed 3 min ago; last success: none is known",
            "slack-usergroups/acme failed",
            "qontract jobs show j-1",
        ),
    ],
    ids=["blocked", "failed"],
)
def test_a_scope_whose_last_job_was_blocked_or_failed_is_not_well(
    how: dict[str, Any], says: str, brief: str, step: str
) -> None:
    [finding] = wrong(scopes=[replace(ACME, **how)])
    assert (finding.thing, finding.says, finding.brief, finding.next_step) == ("scope", says, brief, step)


def test_jobs_that_wait_for_long_are_not_well() -> None:
    assert wrong(jobs=JobCounts(waiting=3, running=4, oldest_waiting_seconds=899)) == []
    [finding] = wrong(jobs=JobCounts(waiting=3, running=4, oldest_waiting_seconds=960))
    assert finding.says == "3 waiting, 4 running, the oldest waits for 16 min"
    assert finding.brief == "a job waits for 16 min"
    assert finding.next_step.startswith("qontract jobs list --status pending")


@pytest.mark.parametrize(
    ("intents", "says", "is_well"),
    [
        ({}, "none is pending", True),
        ({"slack-usergroups/acme": [NOON - timedelta(seconds=30)]}, "1 pending, the oldest for 30 s: slack-u", True),
        (
            {"a/b": [NOON], "slack-usergroups/acme": [NOON, NOON - timedelta(minutes=6)]},
            "3 pending, the oldest for 6 min: slack-usergroups/acme",
            False,
        ),
    ],
    ids=["none", "of an action at work", "in doubt"],
)
def test_intents_that_stay_pending_are_not_well(
    intents: Mapping[str, Sequence[datetime]], says: str, is_well: bool
) -> None:
    [finding] = [one for one in status_of(replace(WELL, intents=intents)).findings if one.thing == "intents"]
    assert finding.says.startswith(says)
    assert (finding.wellness is HealthStatus.WELL) is is_well
    assert is_well or "`intents stay pending` in the worker's log" in finding.next_step


def test_a_name_from_redis_is_quoted_in_the_command() -> None:
    [finding] = wrong(subscriptions=[replace(AUDIT_LOG, name="a; rm -rf /", dead_letters=1)])
    assert finding.next_step.endswith("--subscription 'a; rm -rf /'")


def test_where_no_event_is_kept_no_subscriber_is_needed() -> None:
    processes = [ProcessView(process(kind), 1) for kind in (ProcessKind.API, ProcessKind.WORKER)]
    needed = {ProcessKind.API, ProcessKind.WORKER}
    assert sentence(processes=processes, needed=needed, subscriptions=()) == "Well: 1 api, 1 worker; 0 subscriptions."


def test_where_no_process_is_needed_and_none_runs_the_sentence_says_so() -> None:
    assert sentence(processes=(), needed=()) == "Well: no process; 1 subscription."
