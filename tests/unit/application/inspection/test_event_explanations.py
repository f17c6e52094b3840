"""Each verdict, by what causes it: real delivery, in memory."""

import asyncio

import pytest

from qontract.application.delivery.session import Limits
from qontract.application.ports.dead_letters import ChangedBy
from qontract.application.ports.event_handler import Policy, Reject, RetryLater
from qontract.domain.explanations import Verdict
from tests.support.delivering import (
    NAME,
    Handler,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)
from tests.support.explaining import Deployment, delivering

PATIENT = Policy(max_attempts=3, backoff=600, max_backoff=600)


@on_virtual_clock
async def test_handled_says_when_and_with_how_many_attempts() -> None:
    handler = Handler(Policy(backoff=10), failing(ValueError("no"), 1, times=2))
    async with delivering(handler, 1, 2) as (deployment, _):
        found = await deployment.becomes(1, Verdict.HANDLED)
        assert found.details["attempts"] == 3
        assert "with 3 attempts" in found.reason
        assert str(found.details["when"]).startswith("1970-01-01T00:00:")
        assert found.next is None
        assert (await deployment.becomes(2, Verdict.HANDLED)).details["attempts"] == 1


@on_virtual_clock
async def test_deduplicated_was_handled_before_under_another_entry() -> None:
    handler, event = Handler(Policy(dedupe_for=3600)), an_event(1)
    deployment = Deployment()
    publish(deployment.events, event, event)
    async with replica(deployment.events, handler):
        await deployment.becomes(1, Verdict.HANDLED)
        await deployment.becomes(2, Verdict.DEDUPLICATED)
        assert handler.handled == [1]


@on_virtual_clock
async def test_not_wanted_names_the_pattern_that_came_nearest() -> None:
    handler = Handler(types=("com.example.*", "qontract-api.tests.happened"))
    async with delivering(handler, 1) as (deployment, _):
        found = await deployment.becomes(1, Verdict.NOT_WANTED)
        assert found.details["pattern"] == "qontract-api.tests.happened"
        assert handler.handled == []


@on_virtual_clock
async def test_subscribed_later_says_that_somebody_moved_its_place_beyond_the_event() -> None:
    async with delivering(Handler()) as (deployment, one):
        await until(lambda: pending(deployment.events) == 0)
        await one.stop()
        publish(deployment.events, an_event(1))
        deployment.subscriptions.pause(NAME, "alice")
        assert deployment.subscriptions.seek(NAME, "end")
        found = deployment.of(1)
        assert found.verdict is Verdict.SUBSCRIBED_LATER
        assert "moved beyond it" in found.reason
        assert found.next == f"qontract subscriptions seek {NAME} --to start --dry-run"


@on_virtual_clock
async def test_waiting_behind_names_the_event_that_comes_first_and_who_holds_it() -> None:
    handler = Handler(PATIENT, failing(ValueError("no"), 1))
    async with delivering(handler, 1, 2, 3) as (deployment, _):
        await deployment.becomes(1, Verdict.RETRYING)
        publish(deployment.events, an_event(4, subject="elsewhere"))
        found = await deployment.becomes(3, Verdict.WAITING_BEHIND)
        assert (found.details["entry"], found.details["replica"], found.next) == ("1", "one", "qontract why 1")
        assert found.details["attempts"] == 1
        await deployment.becomes(4, Verdict.HANDLED)


@on_virtual_clock
async def test_in_flight_names_the_replica_and_since_when() -> None:
    async def stand(number: int, attempt: int) -> None:
        await asyncio.sleep(50)

    async with delivering(Handler(trouble=stand), 1) as (deployment, _):
        found = await deployment.becomes(1, Verdict.IN_FLIGHT)
        assert found.details["replica"] == "one"
        assert found.details["since"]
        assert found.details["heartbeat"]
        assert "lives" in found.reason
        await deployment.becomes(1, Verdict.HANDLED)


@on_virtual_clock
async def test_in_flight_says_so_when_the_replica_shows_no_life() -> None:
    async def stand(number: int, attempt: int) -> None:
        await asyncio.sleep(1000)

    async with delivering(Handler(Policy(shared=True, timeout=2000), trouble=stand), 1) as (deployment, one):
        await deployment.becomes(1, Verdict.IN_FLIGHT)
        one.kill()
        await asyncio.sleep(40)
        assert "shows no life" in deployment.of(1).reason


@on_virtual_clock
async def test_retrying_says_which_attempt_when_and_the_error() -> None:
    async with delivering(Handler(PATIENT, failing(ValueError("no such user"), 1)), 1) as (deployment, _):
        found = await deployment.becomes(1, Verdict.RETRYING)
        assert (found.details["attempt"], found.details["of"]) == (2, 3)
        assert found.details["error"] == "ValueError: no such user"
        assert "attempt 2 of 3 comes at 1970-01-01 00:" in found.reason


@on_virtual_clock
async def test_retrying_is_also_what_the_handler_asked_to_be_retried_later() -> None:
    async with delivering(Handler(PATIENT, failing(RetryLater(100), 1, times=1)), 1) as (deployment, _):
        found = await deployment.becomes(1, Verdict.RETRYING)
        assert "attempt 1 of 3" in found.reason


@on_virtual_clock
async def test_dead_lettered_says_why_and_once_redriven_it_is_handled() -> None:
    fails = [Reject("not mine")]

    async def trouble(number: int, attempt: int) -> None:
        if fails:
            raise fails.pop()

    async with delivering(Handler(trouble=trouble), 1) as (deployment, _):
        found = await deployment.becomes(1, Verdict.DEAD_LETTERED)
        assert "rejected by the handler: not mine" in found.reason
        (letter,) = letters(deployment.events)
        assert found.next == f"qontract dead-letters redrive {letter.id}"
        by_letter = deployment.why.event(letter.id)
        assert by_letter
        assert (by_letter.entry, by_letter.findings) == ("1", (found,))
        assert deployment.letters.redrive(letter.id)
        assert deployment.of(1).verdict is Verdict.NOT_READ_YET
        await deployment.becomes(1, Verdict.HANDLED)


@on_virtual_clock
@pytest.mark.parametrize("handled_before", [False, True])
async def test_dead_lettered_is_also_what_somebody_discarded_until_it_is_handled_later(handled_before: bool) -> None:
    fails: list[Exception] = [] if handled_before else [Reject("not mine")]

    async def trouble(number: int, attempt: int) -> None:
        if fails:
            raise fails.pop()

    async def again(deployment: Deployment, *errors: Exception) -> None:
        fails[:] = errors
        deployment.subscriptions.pause(NAME, "alice")
        await asyncio.sleep(10)
        assert deployment.subscriptions.seek(NAME, "start")
        deployment.subscriptions.resume(NAME)

    async with delivering(Handler(trouble=trouble), 1) as (deployment, _):
        if handled_before:
            await deployment.becomes(1, Verdict.HANDLED)
            await again(deployment, Reject("not mine"))
        found = await deployment.becomes(1, Verdict.DEAD_LETTERED)
        (letter,) = letters(deployment.events)
        assert deployment.letters.discard(letter.id, ChangedBy("night"))
        found = deployment.of(1)
        assert found.verdict is Verdict.DEAD_LETTERED
        assert "after 1 attempt" in found.reason
        assert "not mine; night discarded the letter at " in found.reason
        assert found.details["discarded_by"] == "night"
        await again(deployment)
        await deployment.becomes(1, Verdict.HANDLED)


@on_virtual_clock
async def test_paused_says_who_paused_it() -> None:
    async with delivering(Handler()) as (deployment, _):
        deployment.subscriptions.pause(NAME, "alice")
        await asyncio.sleep(10)
        publish(deployment.events, an_event(1))
        found = deployment.of(1)
        assert found.verdict is Verdict.PAUSED
        assert (found.details["by"], found.next) == ("alice", f"qontract subscriptions resume {NAME}")
        deployment.subscriptions.resume(NAME)
        await deployment.becomes(1, Verdict.HANDLED)


@on_virtual_clock
async def test_expired_was_removed_before_it_was_handled() -> None:
    handler = Handler(PATIENT, failing(ValueError("no"), 1, times=1))
    async with delivering(handler, 1, 2) as (deployment, _):
        await deployment.becomes(2, Verdict.WAITING_BEHIND)
        deployment.events.remove(2)
        assert "in the stream no more" in deployment.of(2).reason  # a replica may have it yet
        await deployment.becomes(1, Verdict.HANDLED)
        await until(lambda: pending(deployment.events) == 0)
        explanation = deployment.why.event("2")
        assert explanation
        (found,) = explanation.findings
        assert found.verdict is Verdict.EXPIRED
        assert found.details["when"]


@on_virtual_clock
async def test_no_replica_says_since_when_nobody_has_run_it() -> None:
    async with delivering(Handler()) as (deployment, one):
        await until(lambda: pending(deployment.events) == 0)
        await one.stop()
        publish(deployment.events, an_event(1))
        found = deployment.of(1)
        assert found.verdict is Verdict.NO_REPLICA
        assert found.next
        assert "start a subscriber" in found.next


@on_virtual_clock
async def test_not_read_yet_says_how_many_events_come_before_it() -> None:
    async def stand(number: int, attempt: int) -> None:
        await asyncio.sleep(50)

    limits = Limits(batch=1, in_flight=1, claim_seconds=10, grace_seconds=5)
    async with delivering(Handler(trouble=stand), 1, 2, 3, limits=limits) as (deployment, _):
        await deployment.becomes(1, Verdict.IN_FLIGHT)
        found = deployment.of(3)
        assert (found.verdict, found.details["unread_before"]) == (Verdict.NOT_READ_YET, 1)


@on_virtual_clock
async def test_unknown_is_what_was_acknowledged_and_left_no_record() -> None:
    async with delivering(Handler(), 1) as (deployment, _):
        await deployment.becomes(1, Verdict.HANDLED)
        deployment.events.of(NAME).outcomes.clear()
        assert deployment.of(1).verdict is Verdict.UNKNOWN


@on_virtual_clock
async def test_what_comes_again_after_its_place_was_lost_is_handled_all_the_same() -> None:
    async def trouble(number: int, attempt: int) -> None:
        if deployment.events.of(NAME).outcomes:
            await asyncio.sleep(50)

    async with delivering(Handler(trouble=trouble), 1) as (deployment, _):
        await deployment.becomes(1, Verdict.HANDLED)
        deployment.events.lose(NAME)
        await until(lambda: pending(deployment.events) == 1)
        found = deployment.of(1)
        assert found.verdict is Verdict.HANDLED
        assert "it comes again" in found.reason
