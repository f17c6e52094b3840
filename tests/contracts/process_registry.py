"""What every ProcessRegistry promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from qontract.application.ports.process_registry import ProcessRegistry
from qontract.domain.processes import Process, ProcessKind, Spooled, SpoolView

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = 86_400.0


@dataclass
class Shown:
    """The adapter, and what lets so many seconds pass for the processes that were seen so far."""

    process_registry: ProcessRegistry
    let_pass: Callable[[float], None]


def a_process(name: str = "ops-1-42-c0de", refused: Mapping[str, str] | None = None) -> Process:
    spool = SpoolView("/var/lib/qontract/events.sqlite", Spooled(3, 12.5, 20_480))
    return Process(ProcessKind.WORKER, name, "ops-1", 42, "0.1.0", "3.11.7", NOON, ("a", "b"), refused or {}, spool)


class ProcessRegistryContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def shown(self) -> Shown:
        """Return it, with nobody shown."""

    def test_who_is_shown_is_seen_at_once_with_what_was_last_said(self, shown: Shown) -> None:
        shown.process_registry.show(a_process())
        said = a_process(refused={"tickets": "grün ist «kaputt» \x1b[31m"})
        shown.process_registry.show(said)
        [seen] = shown.process_registry.all()
        assert seen.process == said
        assert seen.runs
        assert seen.seconds < 5

    def test_nobody_is_seen_where_nobody_was_shown(self, shown: Shown) -> None:
        assert list(shown.process_registry.all()) == []

    def test_who_has_withdrawn_has_ended_and_who_is_shown_again_runs_again(self, shown: Shown) -> None:
        shown.process_registry.show(a_process())
        shown.process_registry.withdraw(a_process())
        [seen] = shown.process_registry.all()
        assert seen.ended
        assert not seen.runs
        shown.process_registry.show(a_process())
        assert [seen.runs for seen in shown.process_registry.all()] == [True]

    def test_who_falls_silent_is_seen_with_a_time_that_grows(self, shown: Shown) -> None:
        shown.process_registry.show(a_process())
        shown.let_pass(100)
        [seen] = shown.process_registry.all()
        assert 100 <= seen.seconds < 105
        assert not seen.runs

    def test_the_latest_is_the_first_and_what_was_seen_a_day_ago_is_forgotten(self, shown: Shown) -> None:
        for name in ("one", "two", "three"):
            shown.process_registry.show(a_process(name))
            shown.let_pass(DAY / 2 - 10)
        assert [seen.process.name for seen in shown.process_registry.all()] == ["three", "two"]

    def test_a_process_without_a_spool_is_seen_without_one(self, shown: Shown) -> None:
        shown.process_registry.show(replace(a_process(), spool=None))
        [seen] = shown.process_registry.all()
        assert seen.process.spool is None
