"""What a explanation says beside the verdicts, and of stores that cannot be read."""

import pytest

from qontract.application.ports.dead_letters import DeadLettersError
from qontract.application.ports.delivery_states import DeliveryStatesError
from qontract.application.ports.event_handler import Policy, Reject
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.kept_events import KeptEventsError
from qontract.domain.explanations import EventExplanation, EventStatus, Verdict
from qontract.domain.kept_events import KeptEvent
from tests.support.delivering import (
    NAME,
    Handler,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    publish,
    replica,
    until,
)
from tests.support.explaining import Deployment, delivering


@on_virtual_clock
async def test_the_explanation_says_who_asked_why_and_where_it_is() -> None:
    deployment = Deployment()
    asked = an_event(1).model_copy(update={"extensions": {"authid": "alice", "reason": "on call"}})
    publish(deployment.events, an_event(0), asked)
    explanation = deployment.why.event(asked.id)
    assert explanation
    assert explanation.event
    assert (explanation.status, explanation.entry, explanation.event.who) == (EventStatus.PUBLISHED, "2", "alice")
    assert explanation.reason == f"as entry 2, at {explanation.event.kept:%Y-%m-%d %H:%M:%S} UTC"
    assert deployment.why.event(asked.id, "elsewhere") is None


@on_virtual_clock
async def test_nothing_is_known_of_what_the_log_has_no_more_and_no_subscription_ever_had() -> None:
    async with delivering(Handler()) as (deployment, one):
        await until(lambda: bool(deployment.subscriptions.all()))
        await one.stop()
        publish(deployment.events, an_event(1))
        deployment.subscriptions.pause(NAME, "alice")
        assert deployment.subscriptions.seek(NAME, "end")
        assert deployment.of(1).verdict is Verdict.SUBSCRIBED_LATER
        deployment.events.remove(1)
        assert deployment.why.event("1") is None


@on_virtual_clock
async def test_what_is_not_in_the_log_may_wait_in_the_spool_or_be_an_intent() -> None:
    deployment, spooled, intent = Deployment(), an_event(1), an_event(2)
    deployment.spool.append([spooled])
    deployment.intents.record("slack:acme", intent)
    found = deployment.why.event(spooled.id)
    assert found
    assert (found.status, found.next) == (EventStatus.SPOOLED_ON, "qontract events flush")
    assert "ops-1" in found.reason
    found = deployment.why.event(intent.id)
    assert found
    assert found.status is EventStatus.INTENT_PENDING
    assert "slack:acme" in found.reason
    assert deployment.why.event("nothing") is None


@on_virtual_clock
async def test_what_cannot_be_read_is_named_and_no_verdict_is_made_of_it() -> None:
    async with delivering(Handler(), 1) as (deployment, _):
        await deployment.becomes(1, Verdict.HANDLED)
        deployment.states.fail("state", DeliveryStatesError("Redis did not answer"))
        found = deployment.of(1)
        assert (found.verdict, found.missing) == (Verdict.UNKNOWN, ("Redis did not answer",))
        deployment.events.of(NAME).outcomes.clear()
        deployment.letters.fail("iterate", DeadLettersError("away"))
        explanation = deployment.why.event("1")
        assert explanation
        assert explanation.findings[0].verdict is Verdict.UNKNOWN
        assert explanation.missing == ("dead letters: away",)
        deployment.kept.fail("get", KeptEventsError("away"))
        with pytest.raises(KeptEventsError):
            deployment.why.event("1")


def explained(deployment: Deployment, name: str) -> EventExplanation:
    found = deployment.why.event(name)
    assert found
    return found


@pytest.mark.parametrize("store", ["letters", "states"])
def test_an_event_is_found_by_its_id_also_while_the_quick_ways_to_it_are_closed(store: str) -> None:
    deployment, event = Deployment(), an_event(1)
    publish(deployment.events, event)
    deployment.letters.fail("get", DeadLettersError("away"))
    if store == "states":
        deployment.states.fail("entry_of", DeliveryStatesError("away"))
    assert explained(deployment, event.id).entry == "1"


def test_a_search_that_did_not_come_to_the_end_says_so_of_an_event_that_is_elsewhere() -> None:
    deployment, spooled = Deployment(), an_event(3)
    publish(deployment.events, an_event(1), an_event(2))
    deployment.spool.append([spooled])
    deployment.why._most = 1
    found = explained(deployment, spooled.id)
    assert (found.status, found.missing) == (EventStatus.SPOOLED_ON, ("only the newest 1 event were looked at",))


def test_in_the_spool_an_event_without_a_source_is_of_any_and_another_of_its_own() -> None:
    deployment, own, none = Deployment(), an_event(1), an_event(2).model_copy(update={"source": None})
    deployment.spool.append([own, none])
    asked = [(own.id, "qontract-api"), (own.id, "elsewhere"), (none.id, "qontract-api")]
    assert [deployment.why.event(*one) is not None for one in asked] == [True, False, True]


def test_a_spool_or_intents_that_cannot_be_read_are_named_and_the_others_are_looked_at() -> None:
    deployment, event = Deployment(), an_event(1)
    deployment.spool.record("slack:acme", event)
    deployment.spool.fail("oldest", EventSpoolError("no disk"))
    deployment.intents.fail("pending", IntentsError("away"))
    found = explained(deployment, event.id)
    assert (found.status, found.missing) == (EventStatus.INTENT_PENDING, ("spool: no disk", "intents: away"))


@on_virtual_clock
async def test_of_very_many_dead_letters_the_oldest_are_looked_at_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with delivering(Handler(trouble=failing(Reject("no"), 1, 2, 3)), 1, 2, 3) as (deployment, _):
        await until(lambda: len(letters(deployment.events)) == 3)
        monkeypatch.setattr("qontract.application.inspection.event_explanations._MAX_LETTERS", 1)
        found = explained(deployment, "2")
        assert found.missing == ("dead letters: only the oldest 1 were looked at",)
        assert not explained(deployment, "1").findings[0].missing


@on_virtual_clock
async def test_that_nobody_can_say_whether_it_was_redriven_is_named() -> None:
    async with delivering(Handler(), 1) as (deployment, _):
        await deployment.becomes(1, Verdict.HANDLED)
        deployment.letters.fail("redriven", DeadLettersError("away"))
        assert explained(deployment, "1").missing == ("redriven: away",)


@on_virtual_clock
async def test_what_comes_first_is_the_first_that_can_be_read_and_has_the_order_key() -> None:
    retries = Policy(max_attempts=3, backoff=100, max_backoff=100)
    async with delivering(Handler(retries, failing(ValueError("no"), 1, 4)), 1, 2, 3) as (deployment, _):
        publish(deployment.events, an_event(4, subject="elsewhere"))
        await deployment.becomes(4, Verdict.RETRYING)  # though others, of another key, were read before it
        assert (await deployment.becomes(3, Verdict.WAITING_BEHIND)).details["entry"] == "1"
        get = deployment.kept.get

        def all_but_the_first(entry: str) -> KeptEvent | None:
            if entry == "1":
                raise KeptEventsError("away")
            return get(entry)

        deployment.kept.get = all_but_the_first  # type: ignore[method-assign]
        assert deployment.of(3).details["entry"] == "2"


@on_virtual_clock
async def test_what_is_no_event_comes_after_nothing() -> None:
    deployment = Deployment()
    deployment.events.append(b"nonsense")
    async with replica(deployment.events, Handler(types=("a.b",))):
        await until(lambda: bool(deployment.subscriptions.all()))
        assert explained(deployment, "1").findings[0].verdict is not Verdict.WAITING_BEHIND
