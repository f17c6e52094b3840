"""What handlers can do to the subscriber process, and what it then says and does."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.redis_delivery import ask, publish
from tests.support.redis_event_log import dead_letters_at
from tests.support.subscriber_process import Site, Subscriber, happened
from tests.support.waiting import until

MODULE = "tests.support.troublesome"


@pytest.fixture
def site(valkey_url: str, tmp_path: Path) -> Site:
    return Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url})


def blocked(replica: Subscriber) -> bool:
    return bool(replica.ready()[1].get("blocked"))


@pytest.mark.parametrize("kind", ["Ordered", "Shared"])
def test_a_handler_that_blocks_the_event_loop_is_named_within_seconds_and_no_replica_runs_its_event_too(
    site: Site, valkey_url: str, kind: str
) -> None:
    site.install("theirs", blocking=f"{MODULE}:{kind}")
    event = happened("blocks")
    claim: dict[str, Any] = {"QAPI_SUBSCRIBER__CLAIM_SECONDS": "1"}
    with ExitStack() as stack:
        replicas = [stack.enter_context(site.subscriber(name, **claim)) for name in ("one", "two")]
        publish(valkey_url, event, happened("other"))
        until(lambda: any(map(blocked, replicas)), seconds=5)
        [one] = filter(blocked, replicas)
        until(lambda: one.ready()[1]["blocked"][0]["seconds"] >= 2.5)  # longer than other replicas wait for the dead
        status, body = one.ready()
        assert (status, body["status"]) == (503, "failed")
        [told] = body["blocked"]
        assert (told["subscription"], told["handler"], told["event_id"]) == ("blocking", kind, event.id)
        until(lambda: "time.sleep(0.05)" in one.ready()[1]["blocked"][0]["where"])
        [line] = one.lines("handler blocks the event loop; all handlers of this process wait for it")
        assert (line["level"], line["handler"], line["event_id"]) == ("error", kind, event.id)
        assert one.metrics()["qontract_handler_blocked_total", "blocking"] == 1
        site.go()
        until(lambda: one.ready()[0] == 200)
        assert one.lines("handler blocks the event loop no more")
        until(lambda: one.metrics()["qontract_events_pending", "blocking"] == 0)
    assert sorted(site.notes()) == ["blocks 1", "other 1"]


def test_a_handler_that_swallows_its_cancellation_is_named_by_readiness_log_and_metric(
    site: Site, valkey_url: str
) -> None:
    site.install("theirs", stubborn=f"{MODULE}:Stubborn")
    with site.subscriber() as one:
        publish(valkey_url, happened())
        until(lambda: one.ready()[1]["stuck"] == ["stubborn"])
        assert one.ready()[0] == 200  # all others are served
        [line] = one.lines("handler is stuck; it goes on after its time-out")
        assert line["subscription"] == "stubborn"
        assert one.metrics()["qontract_handlers_stuck_total", "stubborn"] == 1
        site.go()
        until(lambda: one.ready()[1]["stuck"] == [])
    assert site.notes() == ["cancelled"]


def test_an_event_that_ends_the_process_each_time_is_dead_lettered_after_its_attempts_and_others_are_handled(
    site: Site, valkey_url: str
) -> None:
    site.install("theirs", exiting=f"{MODULE}:Exiting")
    letters = dead_letters_at(valkey_url)
    killer = happened("ends")
    publish(valkey_url, killer, *(happened(f"other-{number}") for number in range(5)))
    starts = 0
    while not list(letters.iterate()):
        starts += 1
        assert starts <= 5
        with site.subscriber(wait=False, QAPI_SUBSCRIBER__CLAIM_SECONDS="0.5") as one:
            until(lambda: one.process.poll() is not None or bool(list(letters.iterate())))
            until(lambda: one.process.poll() == 7 or len({*site.notes()} - {"ends 1", "ends 2"}) == 5)
    [letter] = letters.iterate()
    assert (letter.subscription, letter.event_id) == ("exiting", killer.id)
    assert [failure.error for failure in letter.failures] == ["the replica ended during the attempt"] * 2
    assert {f"other-{number} 1" for number in range(5)} <= {*site.notes()}
    assert max(note for note in site.notes() if note.startswith("ends")) == "ends 2"


def test_an_asynchronous_context_manager_is_entered_before_its_first_event_and_left_at_sigterm(
    site: Site, valkey_url: str
) -> None:
    site.install("theirs", entered=f"{MODULE}:Entered")
    publish(valkey_url, happened("first"), happened("second"))
    with site.subscriber(QAPI_ENTERED__GREETING="hello,") as one:
        until(lambda: len(site.notes()) == 3)
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(timeout=10) == 0
    assert site.notes() == ["entered", "hello, first", "hello, second", "left"]


def test_sigterm_lets_a_handler_at_work_finish_within_the_grace(site: Site, valkey_url: str) -> None:
    site.install("theirs", waiting=f"{MODULE}:Waiting")
    with site.subscriber() as one:
        publish(valkey_url, happened("first"))
        until(lambda: site.notes() == ["begun first"])
        one.process.send_signal(signal.SIGTERM)
        until(lambda: ask(valkey_url, "EXISTS", "qontract:{main}:lease:audit-log") == 0)  # who is idle has ended
        site.go()
        assert one.process.wait(timeout=10) == 0
    assert site.notes() == ["begun first", "ended first"]


def test_sigterm_ends_the_process_after_the_grace_with_exit_code_0_also_while_a_handler_blocks(
    site: Site, valkey_url: str
) -> None:
    site.install("theirs", blocking=f"{MODULE}:Ordered")
    with site.subscriber(QAPI_SUBSCRIBER__GRACE_SECONDS="0") as one:
        publish(valkey_url, happened("blocks"))
        until(lambda: site.notes() == ["blocks 1"])
        begun = time.monotonic()
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(timeout=10) == 0
        assert time.monotonic() - begun < 7
        assert "Traceback" not in one.log.read_text()
