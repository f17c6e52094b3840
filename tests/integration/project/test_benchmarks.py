"""`python -m benchmarks`: its table, its JSON and its exit code, with small works."""

import gc
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from benchmarks import __main__ as benchmarks
from benchmarks.draining import drain
from benchmarks.many_subscriptions import many
from benchmarks.measuring import AtLeast, AtMost, Result, in_turns
from benchmarks.planning import planning
from benchmarks.publishing import one, together
from benchmarks.slack_calls import slack_calls
from benchmarks.table import table
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep all that pytest has loaded from the collector of garbage, which works ask for at each turn."""
    monkeypatch.setattr(gc, "unfreeze", lambda: None)


def run(monkeypatch: pytest.MonkeyPatch, works: Mapping[str, object], *arguments: str) -> Outcome:
    monkeypatch.setattr(benchmarks, "WORKS", works)
    return CliRunner().invoke(benchmarks.app, ["--rounds", "1", *arguments])


def works(*found: Result) -> dict[str, object]:
    return {"stub": lambda _url, _rounds: list(found)}


def test_each_small_work_is_a_row_of_the_table_and_an_entry_of_the_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = {
        "publish": partial(one, events=20),
        "publish-together": partial(together, calls=1, events=10),
        "drain": partial(drain, events=200, subjects=10),
        "many": partial(many, events=400),
        "planning": partial(planning, users=20, usergroups=5),
        "slack-calls": partial(slack_calls, users=1000, usergroups=20, differences=4),
    }
    outcome = run(monkeypatch, small, "--json", str(tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [found["work"] for found in figures["results"]] == [
        *("publish 1", "publish 1", "publish 10 in a call", "drain 200", "drain 200"),
        *("drain 400 by 20 subscriptions, each all", "drain 400 by 20 subscriptions, each a type"),
        *("plan 50 usergroups of 20 users", "reconcile 20 usergroups, 4 differ"),
    ]
    assert all(found["work"] in outcome.stdout and found["ours_median"] > 0 for found in figures["results"])
    assert figures["cpus"] > 0
    assert outcome.exit_code == (0 if all(found["met"] for found in figures["results"]) else 1)
    assert (figures["results"][-1]["ours"], figures["results"][-1]["ratio"]) == ([8], 1)


@pytest.mark.parametrize(
    "below",
    [
        Result("slow", "events/s", (1.0,), "peer", (2.0,), bar=AtLeast(0.8)),
        Result("big", "MiB", (21.0,), bar=AtMost(20)),
    ],
)
def test_a_work_below_its_bar_makes_the_run_fail(monkeypatch: pytest.MonkeyPatch, below: Result) -> None:
    outcome = run(monkeypatch, works(Result("quick", "ms", (1.0,), "peer", (1.0,), bar=AtMost(1)), below))
    assert outcome.exit_code == 1
    assert outcome.stdout.count("NOT MET") == 1


def test_works_that_meet_their_bars_or_have_none_make_the_run_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    met = Result("quick", "events/s", (7.0, 8.0, 9.0, 10.0, 11.0), "peer", (10.0,) * 5, bar=AtLeast(0.9))
    outcome = run(monkeypatch, works(met, Result("reported", "s", (3.0,))))
    assert outcome.exit_code == 0
    assert "9 (8–10)" in outcome.stdout  # noqa: RUF001 - from, to
    assert "0.90" in outcome.stdout


def test_a_work_below_its_aim_alone_fails_nothing_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Result("drain", "events/s", (5.0,), "peer", (10.0,), bar=AtLeast(0.4), aim=AtLeast(0.6))
    outcome = run(monkeypatch, works(behind, Result("latency", "ms", (3.0,), "peer", (1.0,), aim=AtMost(2))))
    assert outcome.exit_code == 0
    assert outcome.stdout.count("below its aim") == 2
    assert [column in outcome.stdout for column in (" bar ", " aim ", "≥ 0.4", "≥ 0.6", "≤ 2")] == [True] * 5


def test_a_work_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run(monkeypatch, works(), "--only", "stub", "--only", "unknown")
    assert outcome.exit_code == 2
    assert "no such work: unknown" in outcome.stderr


def test_ours_and_the_peer_take_turns_and_each_is_first_in_turn() -> None:
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return len(order)

    names = ("ours", "peer")
    assert in_turns({name: partial(measure, name) for name in names}, 2) == {"ours": (1, 4), "peer": (2, 3)}
    assert order == ["ours", "peer", "peer", "ours"]


def test_every_work_of_the_page_is_one_of_the_command() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    assert [name for name in benchmarks.WORKS if f"`{name}`" not in page] == []


def test_a_table_has_a_row_for_each_result() -> None:
    assert table([Result("a", "s", (1.0,)), Result("b", "s", (1.0,), "peer", (1.0,))]).row_count == 2
