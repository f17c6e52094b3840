"""How the system is, as lines for people."""

from dataclasses import replace

import pytest

from qontract.domain.health_findings import HealthStatus
from qontract.domain.processes import ProcessView
from qontract.domain.status import status_of
from qontract.entrypoints.presenters.status import lines
from tests.unit.domain.test_processes import process
from tests.unit.domain.test_status import AUDIT_LOG, WELL

REFUSES = ProcessView(
    process(refused={"tickets": "acme-tickets 1.0: acme.tickets:Tickets: \x1b[31m" + "long " * 40}), 1
)


@pytest.mark.parametrize("width", [80, 100])
def test_every_line_fits_the_terminal_and_nothing_of_it_is_obeyed(width: int) -> None:
    facts = replace(WELL, processes=[REFUSES], subscriptions=[replace(AUDIT_LOG, name="a" * 200, dead_letters=1)])
    shown = [line for line, _ in lines(status_of(facts), width)]
    assert all(len(line) <= width or " " not in line.strip() for line in shown if "a" * 80 not in line)
    assert all(line.isprintable() for line in shown)


def test_where_nobody_is_watching_each_thing_has_one_line() -> None:
    shown = [line for line, _ in lines(status_of(replace(WELL, processes=[REFUSES])), None)]
    [worker] = [line for line in shown if "worker: ops-1" in line]
    assert worker.startswith("NOT WELL   worker: ops-1 pid 42, ")
    assert worker.rstrip().endswith("long")


def test_only_what_is_not_well_is_told_apart_with_its_next_step_below() -> None:
    shown = list(lines(status_of(replace(WELL, processes=[], needed={process().kind})), 80))
    marked = [line for line, wellness in shown if wellness is not HealthStatus.WELL]
    assert marked == [
        "Not well: no worker runs.",
        "NOT WELL   worker: no worker runs; none was seen in the last day",
    ]
    assert shown[shown.index((marked[1], HealthStatus.NOT_WELL)) + 1][0] == "           next: qontract worker"
