"""What Prometheus is told of the subscriptions."""

import asyncio
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from threading import Event

import pytest
from prometheus_client import REGISTRY

import qontract.adapters.celery
import qontract.adapters.redis
import qontract.adapters.sqlite
import qontract.entrypoints.api.asgi  # noqa: F401 - with those above: all that has metrics
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_log import EventLogError, Measures
from qontract.application.ports.job_admin import JobAdminError
from qontract.domain.job_views import JobCounts
from qontract.entrypoints import metrics
from tests.support.subscriber_process import samples

pytestmark = pytest.mark.anyio

FIVE = ("events_lag", "events_pending", "events_oldest_seconds", "dead_letters", "subscription_replicas")

OURS = {
    family.name + ("_total" if family.type == "counter" else ""): (family.type, family.documentation)
    for family in REGISTRY.collect()
    if family.name.startswith("qontract_")
}


def test_every_counter_of_a_subscription_is_there_at_zero_and_then_counts() -> None:
    count = metrics.count_for("counted")
    before = asyncio.run(shown({}))
    for each in DeliveryCount:
        assert before[f"qontract_{each}_total", "counted"] == 0
    assert before["qontract_handler_blocked_total", "counted"] == 0
    assert before["qontract_subscription_abandoned", "counted"] == 0
    count(DeliveryCount.CLAIMED, 3)
    assert asyncio.run(shown({}))["qontract_events_claimed_total", "counted"] == 3


async def shown(measures: Mapping[str, Measures]) -> dict[tuple[str, str], float]:
    async def measure() -> Mapping[str, Measures]:
        return measures

    return samples((await metrics.exposition(measure)).decode())


async def test_the_measures_of_every_subscription_are_those_of_now_and_nothing_in_the_page_is_old() -> None:
    first = await shown({"one": Measures(5, 4, 3.5, 2, 1), "two": Measures(0, 0, 0, 0, 0)})
    assert [first[f"qontract_{name}", "one"] for name in FIVE] == [5, 4, 3.5, 2, 1]
    assert [first[f"qontract_{name}", "two"] for name in FIVE] == [0] * 5
    then = await shown({"two": Measures(9, 0, 0, 0, 0)})
    assert then["qontract_events_lag", "two"] == 9
    assert ("qontract_events_lag", "one") not in then


async def test_jobs_that_wait_and_run_are_counted_also_where_no_event_is_kept() -> None:
    page = samples((await metrics.exposition(None, lambda: JobCounts(3, 2, 7.5))).decode())
    names = ("jobs_waiting", "jobs_running", "jobs_oldest_waiting_seconds")
    assert [page[f"qontract_{name}", ""] for name in names] == [3, 2, 7.5]


async def test_without_an_answer_about_jobs_the_page_has_the_rest_and_is_not_late(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = Event()

    def refuses() -> JobCounts:
        raise JobAdminError("nobody listens")

    def hangs() -> JobCounts:
        release.wait(20)
        return JobCounts()

    async def measure() -> Mapping[str, Measures]:
        return {"one": Measures(1, 1, 1, 1, 1)}

    monkeypatch.setattr(metrics, "_SECONDS", 0.05)
    for counts, said in ((refuses, "nobody listens"), (hangs, "too slow")):
        page = samples((await metrics.exposition(measure, counts)).decode())
        assert page["qontract_events_lag", "one"] == 1
        assert ("qontract_jobs_waiting", "") not in page
        assert said in str([record.__dict__ for record in caplog.records])
    release.set()


async def test_what_each_name_stands_for_is_said_once() -> None:
    async def measure() -> Mapping[str, Measures]:
        return {"one": Measures(1, 1, 1, 1, 1)}

    page = (await metrics.exposition(measure)).decode()
    told = [line.split()[2] for line in page.splitlines() if line.startswith("# HELP")]
    assert len(told) == len(set(told))
    assert {f"qontract_{name}" for name in FIVE} <= set(told)


async def test_without_an_answer_of_the_event_log_the_page_has_the_rest_and_a_line_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses() -> Mapping[str, Measures]:
        raise EventLogError("nobody listens")

    async def hangs() -> Mapping[str, Measures]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(metrics, "_SECONDS", 0.01)
    for measure, error in ((refuses, "nobody listens"), (hangs, "too slow")):
        caplog.clear()
        page = samples((await metrics.exposition(measure)).decode())
        assert ("qontract_trim_failures_total", "") in page
        assert not any(name == "qontract_events_lag" for name, _ in page)
        [record] = caplog.records
        assert record.message == "event log request failed; measures are left out"
        assert record.__dict__["error"] == error


async def test_where_no_event_is_kept_there_are_no_measures() -> None:
    page = samples((await metrics.exposition(None)).decode())
    assert ("qontract_trim_failures_total", "") in page
    assert not any(name == "qontract_events_lag" for name, _ in page)


def test_the_build_says_which_version_of_qontract_and_python_it_is() -> None:
    [line] = [line for line in asyncio.run(metrics.exposition(None)).decode().splitlines() if "build_info{" in line]
    python = ".".join(platform.python_version_tuple()[:2])
    assert line == f'qontract_build_info{{python="{python}",version="{version("qontract")}"}} 1.0'


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_name_is_as_prometheus_wants_it(name: str) -> None:
    kind, described = OURS[name]
    assert described
    assert re.fullmatch(r"qontract_[a-z]+(_[a-z]+)*", name)
    assert name.endswith("_total") == (kind == "counter")
    assert not name.endswith(("_count", "_sum", "_bucket", "_created", f"_{kind}"))
    assert not re.search(r"_(milliseconds|minutes|hours|days|kilobytes|megabytes|ms|kb|mb|percent)(_|$)", name)
    if kind == "histogram":
        assert name.endswith(("_seconds", "_bytes"))
