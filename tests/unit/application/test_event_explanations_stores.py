"""What a explanation says beside the verdicts, and of stores that cannot be read."""

import pytest

from qontract.application.ports.dead_letters import DeadLettersError
from qontract.application.ports.delivery_states import DeliveryStatesError
from qontract.application.ports.kept_events import KeptEventsError
from qontract.domain.explanations import Fate, Verdict
from tests.support.asking_why import Deployment, delivering
from tests.support.delivering import (
    NAME,
    Handler,
    an_event,
    on_virtual_clock,
    publish,
)


@on_virtual_clock
async def test_the_explanation_says_who_asked_why_and_where_it_is() -> None:
    deployment = Deployment()
    asked = an_event(1).model_copy(update={"extensions": {"authid": "alice", "reason": "on call"}})
    publish(deployment.events, an_event(0), asked)
    explanation = deployment.why.event(asked.id)
    assert explanation
    assert explanation.event
    assert (explanation.fate, explanation.entry, explanation.event.who) == (Fate.PUBLISHED, "2", "alice")
    assert deployment.why.event(asked.id, "elsewhere") is None


@on_virtual_clock
async def test_what_is_not_in_the_log_may_wait_in_the_spool_or_be_an_intent() -> None:
    deployment, spooled, intent = Deployment(), an_event(1), an_event(2)
    deployment.spool.append([spooled])
    deployment.intents.record("slack:acme", intent)
    found = deployment.why.event(spooled.id)
    assert found
    assert (found.fate, found.next) == (Fate.SPOOLED_ON, "qontract events flush")
    assert "ops-1" in found.reason
    found = deployment.why.event(intent.id)
    assert found
    assert found.fate is Fate.INTENT_PENDING
    assert "slack:acme" in found.reason
    assert deployment.why.event("nothing") is None


@on_virtual_clock
async def test_what_cannot_be_read_is_named_and_no_verdict_is_made_of_it() -> None:
    async with delivering(Handler(), 1) as (deployment, _):
        await deployment.becomes(1, Verdict.HANDLED)
        deployment.states.fail("state", DeliveryStatesError("Redis did not answer"))
        found = deployment.of(1)
        assert (found.verdict, found.missing) == (Verdict.UNKNOWN, ("Redis did not answer",))
        deployment.events.of(NAME).endings.clear()
        deployment.letters.fail("iterate", DeadLettersError("away"))
        explanation = deployment.why.event("1")
        assert explanation
        assert explanation.findings[0].verdict is Verdict.UNKNOWN
        assert explanation.missing == ("dead letters: away",)
        deployment.kept.fail("get", KeptEventsError("away"))
        with pytest.raises(KeptEventsError):
            deployment.why.event("1")
