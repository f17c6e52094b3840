"""Which processes run, and what of them, and of their spools, is not well."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from qontract.domain.health_findings import Finding, HealthStatus
from qontract.domain.processes import (
    Process,
    ProcessKind,
    ProcessView,
    Spooled,
    SpoolView,
    findings_of_processes,
    findings_of_spools,
)

NINE = datetime(2026, 1, 31, 9, tzinfo=UTC)


def process(kind: ProcessKind = ProcessKind.WORKER, host: str = "ops-1", **more: Any) -> Process:
    about: dict[str, Any] = {"version": "0.1.0", "python": "3.11.7", "started": NINE, "pid": 42}
    return Process(kind, f"{host}-42-{kind}", host, **about | more)


def found(*seen: ProcessView, needed: set[ProcessKind] | None = None) -> list[Finding]:
    return list(findings_of_processes(seen, needed or set()))


def spools(*seen: ProcessView, here: tuple[str, SpoolView] | None = None) -> list[Finding]:
    return list(findings_of_spools(seen, here))


def with_spool(events: int, oldest: float, *, seconds: float = 1, host: str = "ops-1", error: str = "") -> ProcessView:
    spool = SpoolView("/spool.sqlite", Spooled(events, oldest, 12_300), error)
    return ProcessView(process(host=host, spool=spool), seconds)


def test_a_process_that_runs_has_host_pid_version_start_and_last_sign_of_life() -> None:
    [finding] = found(ProcessView(process(), 3.4))
    assert finding.says == "ops-1 pid 42, version 0.1.0, since 2026-01-31 09:00:00, seen 3 s ago"
    assert finding.wellness is HealthStatus.WELL


def test_a_process_says_which_integrations_it_has() -> None:
    [finding] = found(ProcessView(process(installed=("github-teams", "slack-usergroups")), 3))
    assert finding.says.endswith("seen 3 s ago; has github-teams, slack-usergroups")


def test_a_kind_of_which_none_runs_is_not_well_and_the_last_that_did_is_named() -> None:
    kinds = {ProcessKind.WORKER, ProcessKind.SUBSCRIBER}
    ended, silent = ProcessView(process(host="ops-1"), 7200, ended=True), ProcessView(process(host="ops-2"), 60)
    worker, subscriber = found(ended, silent, needed=kinds)
    assert worker.says == "no worker runs; the last, ops-2 pid 42, was seen 1 min ago"
    assert worker.next_step == "qontract worker"
    assert subscriber.says == "no subscriber runs; none was seen in the last day"
    assert {worker.wellness, subscriber.wellness} == {HealthStatus.NOT_WELL}
    [worker] = found(ended, needed={ProcessKind.WORKER})
    assert worker.says == "no worker runs; the last, ops-1 pid 42, ended 2 h ago"


def test_one_that_has_ended_or_fallen_silent_is_not_among_those_that_run() -> None:
    assert found(ProcessView(process(), 1, ended=True), ProcessView(process(), 31)) == []


def test_what_a_process_refuses_makes_it_not_well() -> None:
    [finding] = found(ProcessView(process(refused={"tickets": "acme 1.0: no such module", "crm": "no entry"}), 1))
    assert finding.wellness is HealthStatus.NOT_WELL
    assert finding.says.endswith("; refused: crm: no entry; tickets: acme 1.0: no such module")
    assert finding.brief == "a worker refuses crm, tickets"


def test_versions_that_differ_are_said_and_are_well_as_in_an_upgrade() -> None:
    newer = replace(process(ProcessKind.API), version="0.2.0")
    *_, versions = found(ProcessView(process(), 1), ProcessView(newer, 1))
    assert versions.thing == "versions"
    assert versions.says == "they differ: 0.1.0 (worker), 0.2.0 (api)"
    assert versions.wellness is HealthStatus.WELL
    assert len(found(ProcessView(process(), 1), ProcessView(process(ProcessKind.API), 1))) == 2


def test_events_that_wait_in_the_spool_of_a_machine_are_not_well_with_the_command_for_it() -> None:
    [finding] = spools(with_spool(3, 720))
    assert finding.says == "3 events wait in the spool, the oldest for 12 min; 12.3 kB: /spool.sqlite"
    assert finding.next_step == "on ops-1: qontract events flush"
    assert (finding.thing, finding.brief) == ("spool", "3 events wait in the spool of ops-1")
    assert finding.wellness is HealthStatus.NOT_WELL


def test_what_has_just_been_spooled_or_an_empty_spool_is_well() -> None:
    assert [(one.thing, one.wellness) for one in spools(with_spool(3, 5))] == [("spool", HealthStatus.WELL)]
    assert [finding.says for finding in spools(with_spool(0, 0))] == ["no event waits: /spool.sqlite"]


def test_processes_of_one_machine_share_a_spool_and_the_latest_word_counts() -> None:
    [finding] = spools(with_spool(0, 0, seconds=1), with_spool(3, 720, seconds=4))
    assert finding.says == "no event waits: /spool.sqlite"
    assert len(spools(with_spool(0, 0), with_spool(3, 720, host="ops-2"))) == 2
    assert spools(with_spool(3, 720, seconds=31)) == []


def test_the_spool_of_this_machine_is_looked_at_itself() -> None:
    [finding] = spools(with_spool(0, 0), here=("ops-1", SpoolView("/spool.sqlite", Spooled(1, 61, 100))))
    assert finding.says.startswith("1 event waits in the spool, the oldest for 1 min")


def test_a_spool_that_cannot_be_read_says_why() -> None:
    [finding] = spools(with_spool(0, 0, error="the spool /spool.sqlite: disk I/O error. It is not touched: …"))
    assert finding.wellness is HealthStatus.NOT_WELL
    assert finding.says.startswith("the spool /spool.sqlite: disk I/O error")
    assert (finding.thing, finding.brief) == ("spool", "the spool of ops-1 cannot be read")
    assert finding.next_step.startswith("make it readable, or stop the workers of that machine")
