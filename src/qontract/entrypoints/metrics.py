"""The metrics of the subscriptions and the jobs, for Prometheus."""

import asyncio
import logging
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version

from prometheus_client import PLATFORM_COLLECTOR, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.registry import REGISTRY

from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_log import EventLogError, Measures
from qontract.application.ports.job_admin import JobAdminError
from qontract.domain.job_views import JobCounts

log = logging.getLogger(__name__)

Measure = Callable[[], Awaitable[Mapping[str, Measures]]]
"""Says how far every subscription has come."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = 2.0
"""How long Redis may take to answer; without its answer, the page has no measures."""

_BUILD = Gauge(
    "qontract_build_info",
    "1; the labels say which build this process is: the version of qontract, and of Python",
    ["version", "python"],
    multiprocess_mode="max",
)
_BUILD.labels(version("qontract"), ".".join(platform.python_version_tuple()[:2])).set(1)

_HELP = {
    DeliveryCount.HANDLED: "Events that were handled: their handler returned",
    DeliveryCount.FAILED: "Attempts that failed",
    DeliveryCount.RETRIED: "Attempts that failed and are retried",
    DeliveryCount.DEAD_LETTERED: "Events that were dead-lettered",
    DeliveryCount.DEDUPLICATED: "Events that were deduplicated: they had been handled before",
    DeliveryCount.CLAIMED: "Events claimed from another replica",
    DeliveryCount.EXPIRED: "Events that expired: they vanished from the stream before they were handled",
    DeliveryCount.REBUILT: "Times that the subscription was rebuilt, for it had lost its place",
    DeliveryCount.REWOUND: "Times that the stream was rewound: its server had lost what it had accepted last",
    DeliveryCount.STUCK: "Handlers that were stuck: they went on after their time-out",
}
_COUNTERS = {count: Counter(f"qontract_{count}_total", text, ["subscription"]) for count, text in _HELP.items()}
BLOCKED = Counter(
    "qontract_handler_blocked_total", "Times that a handler blocked all others of its process", ["subscription"]
)
IN_FLIGHT = Gauge("qontract_events_in_flight", "Events in flight: in a handler of this replica", ["subscription"])
REFUSED = Gauge("qontract_handlers_refused", "Installed handlers that were refused: this process does not run them")
BACKGROUND_FAILED = Counter(
    "qontract_background_failures_total", "Failures of background tasks: they broke off, and began again", ["task"]
)
TRIM_FAILED = Counter("qontract_trim_failures_total", "Failures to trim the stream")
TRIMMED = Counter("qontract_events_trimmed_total", "Events trimmed from the stream, for all had acknowledged them")
JWKS_FAILED = Counter("qontract_jwks_failures_total", "Failures to read the key set (JWKS) of who issues tokens")
ABANDONED = Gauge(
    "qontract_subscription_abandoned",
    "1 if the subscription is abandoned: its events are kept no longer",
    ["subscription"],
)


def count_for(subscription: str) -> Callable[[DeliveryCount, int], None]:
    """Return what counts for a subscription; every counter exists from here on, at zero."""
    counters = {count: counter.labels(subscription) for count, counter in _COUNTERS.items()}
    BLOCKED.labels(subscription)
    ABANDONED.labels(subscription)
    return lambda count, number: counters[count].inc(number)


def _without_banner() -> CollectorRegistry:
    """Return the registry of the process without Python's version: it helps only attackers."""
    with suppress(KeyError):
        REGISTRY.unregister(PLATFORM_COLLECTOR)
    return REGISTRY


async def exposition(measure: Measure | None, counts: Callable[[], JobCounts] | None = None) -> bytes:
    """Return the page of this process, with what is measured now: nothing in it is old.

    `measure` says how far every subscription has come, and `counts`, which may block, how many jobs wait and run.
    """
    page = generate_latest(_without_banner())
    return page + b"".join(await asyncio.gather(_of_subscriptions(measure), _of_jobs(counts)))


async def _of_subscriptions(measure: Measure | None) -> bytes:
    if measure is None:
        return b""
    try:
        async with asyncio.timeout(_SECONDS):
            return generate_latest(_measured((await measure()).items()))
    except (EventLogError, TimeoutError) as error:
        log.warning("event log request failed; measures are left out", extra={"error": str(error) or "too slow"})
        return b""


async def _of_jobs(counts: Callable[[], JobCounts] | None) -> bytes:
    if counts is None:
        return b""
    try:
        async with asyncio.timeout(_SECONDS):
            return generate_latest(_counted(await asyncio.to_thread(counts)))
    except (JobAdminError, TimeoutError) as error:
        log.warning("jobs cannot be counted; their measures are left out", extra={"error": str(error) or "too slow"})
        return b""


def _counted(counts: JobCounts) -> CollectorRegistry:
    registry = CollectorRegistry()
    for name, text, value in (
        (
            "jobs_waiting",
            "Jobs that are waiting: for a worker, for a lock, or for a pause to end",
            counts.waiting,
        ),
        ("jobs_running", "Jobs that are running: a worker has them, or had until it died", counts.running),
        (
            "jobs_oldest_waiting_seconds",
            "How long the oldest of the waiting jobs could have begun",
            counts.oldest_waiting_seconds,
        ),
    ):
        Gauge(f"qontract_{name}", text, registry=registry).set(value)
    return registry


def _measured(measures: Iterable[tuple[str, Measures]]) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, text: str) -> Gauge:
        return Gauge(f"qontract_{name}", text, ["subscription"], registry=registry)

    lag = gauge("events_lag", "Lag: events not read yet")
    pending = gauge("events_pending", "Pending events: read and not acknowledged, of all replicas")
    oldest = gauge("events_oldest_seconds", "Age of the oldest event that is not acknowledged")
    dead_letters = gauge("dead_letters", "Dead letters of the subscription")
    replicas = gauge("subscription_replicas", "Replicas that read the subscription")
    for name, measure in measures:
        lag.labels(name).set(measure.lag)
        pending.labels(name).set(measure.pending)
        oldest.labels(name).set(measure.oldest_seconds)
        dead_letters.labels(name).set(measure.dead_letters)
        replicas.labels(name).set(measure.replicas)
    return registry
