"""SubscriptionControl subscriptions: who did it is in the log, and what is refused says what to do first."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from qontract.adapters.memory import InMemoryEventLog, InMemoryEventStore, InMemorySubscriptions
from qontract.application.control.subscriptions import SubscriptionControl, UnknownSubscriptionError
from qontract.application.ports.subscriptions import BusyError, SubscriptionsError
from qontract.domain.subscriptions import State


class Site:
    """Kept events, with a subscription that a replica may have."""

    def __init__(self) -> None:
        self.events = InMemoryEventStore()
        self.subscriptions = InMemorySubscriptions(self.events)
        self.control = SubscriptionControl(self.subscriptions, abandoned_seconds=1000)
        self.log = InMemoryEventLog(self.events, "crm")
        self.events.append(b"1", b"2")
        asyncio.run(self.log.open())

    def leave(self) -> None:
        asyncio.run(self.log.close())


@pytest.fixture
def site() -> Site:
    return Site()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [(record.message, record.subscription, record.by) for record in caplog.records]  # type: ignore[attr-defined]


def test_each_change_is_logged_with_who_made_it(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert site.control.pause("crm", by="alice")
        site.control.seek("crm", "end", by="bob")
        assert site.control.resume("crm", by="carol")
        site.leave()
        site.control.remove("crm", by="dan")
    assert told(caplog) == [
        ("subscription paused", "crm", "alice"),
        ("subscription moved", "crm", "bob"),
        ("subscription resumed", "crm", "carol"),
        ("subscription removed", "crm", "dan"),
    ]
    assert caplog.records[1].to == "end"  # type: ignore[attr-defined]


def test_what_changes_nothing_is_not_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert not site.control.resume("crm", by="alice")
        site.subscriptions.pause("crm", "first")
        assert not site.control.pause("crm", by="alice")
        assert site.control.preview("crm", "end").skipped == 2
    assert caplog.records == []


CHANGES: list[Callable[[SubscriptionControl], object]] = [
    lambda control: control.get("nope"),
    lambda control: control.pause("nope", by="me"),
    lambda control: control.resume("nope", by="me"),
    lambda control: control.preview("nope", "end"),
    lambda control: control.refusal_of_seek("nope"),
    lambda control: control.refusal_of_removal("nope"),
    lambda control: control.seek("nope", "end", by="me"),
    lambda control: control.remove("nope", by="me"),
]


@pytest.mark.parametrize(
    "change", CHANGES, ids=["get", "pause", "resume", "preview", "no seek", "no removal", "seek", "remove"]
)
def test_a_name_that_is_none_is_refused_and_nothing_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture, change: Callable[[SubscriptionControl], object]
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(UnknownSubscriptionError, match="nope"):
        change(site.control)
    assert caplog.records == []
    assert [known.view.name for known in site.control.all()] == ["crm"]


def test_a_seek_that_is_refused_says_what_to_do_first(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(BusyError, match="a replica runs it; pause it first"):
        site.control.seek("crm", "end", by="me")
    assert caplog.records == []
    site.subscriptions.pause("crm", "me")
    site.subscriptions.fail("seek", BusyError("the replica one leads it"))
    with pytest.raises(BusyError, match="leads it; its handlers at work finish; try again in some seconds"):
        site.control.seek("crm", "end", by="me")


def test_a_removal_that_is_refused_says_what_to_do_first(site: Site) -> None:
    with pytest.raises(BusyError, match="runs it; stop its replicas, or have them leave it out, and try again in 30 s"):
        site.control.remove("crm", by="me")


def test_what_would_be_refused_is_known_before(site: Site) -> None:
    assert site.control.refusal_of_seek("crm").endswith("; pause it first")
    assert site.control.refusal_of_removal("crm").endswith(
        "; stop its replicas, or have them leave it out, and try again in 30 s"
    )
    site.subscriptions.pause("crm", "me")
    assert site.control.refusal_of_seek("crm") == ""
    assert site.control.refusal_of_removal("crm") != ""
    site.leave()
    site.subscriptions.resume("crm")
    assert (site.control.refusal_of_seek("crm"), site.control.refusal_of_removal("crm")) == ("", "")


def test_who_leads_a_paused_subscription_is_waited_for_before_a_seek(site: Site) -> None:
    site.subscriptions.pause("crm", "me")
    asyncio.run(site.log.lead(60))
    assert "leads it; its handlers at work finish" in site.control.refusal_of_seek("crm")


def test_each_subscription_has_its_state(site: Site) -> None:
    assert [(known.view.name, known.state) for known in site.control.all()] == [("crm", State.RUNNING)]
    site.control.pause("crm", by="alice")
    known = site.control.get("crm")
    assert known.state is State.PAUSED
    assert known.reason.startswith("by alice since ")


def test_an_error_of_the_store_passes_through_and_nothing_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.subscriptions.fail("pause", SubscriptionsError("away"))
    with caplog.at_level(logging.INFO), pytest.raises(SubscriptionsError, match="away"):
        site.control.pause("crm", by="me")
    assert caplog.records == []
