"""The integration of mailing lists."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from acme.post_office import MailingLists
from post_office import PostOffice

from qontract import IntegrationError, RateLimitedError
from qontract.testing import InMemoryEventManager, IntegrationContract, fail, reconcile


def mailing_lists(post_office: PostOffice) -> MailingLists:
    return MailingLists(MailingLists.Settings(url="https://post.acme.example", token="secret"), post_office)


@pytest.fixture
def post_office() -> PostOffice:
    lists = {"news": ["Alice@acme.example", "bob@acme.example"]}
    return PostOffice({"acme.example": lists, "acme.test": {"news": ["dave@acme.test"]}})


class TestMailingLists(IntegrationContract):
    @pytest.fixture
    def integration(self, post_office: PostOffice) -> MailingLists:
        return mailing_lists(post_office)

    @pytest.fixture
    def desired(self) -> Mapping[str, Any]:
        return {"domains": {"acme.example": {"news": ["alice@acme.example"], "jobs": ["carol@acme.example"]}}}

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        return {"domains": {"acme.test": {"news": ["erin@acme.test"], "jobs": []}}}


def test_letter_case_and_order_mean_nothing(post_office: PostOffice) -> None:
    same = {"domains": {"acme.example": {"news": ["bob@acme.example", "ALICE@acme.example", "bob@ACME.example"]}}}
    assert reconcile(mailing_lists(post_office), same).actions == ()


def test_a_list_that_was_changed_is_told_by_who_came_and_who_went(
    post_office: PostOffice, events: InMemoryEventManager
) -> None:
    desired = {"domains": {"acme.example": {"news": ["carol@acme.example", "bob@acme.example"]}}}
    result = reconcile(mailing_lists(post_office), desired, events=events)
    assert [action["summary"] for action in result.applied_actions] == ["+carol@acme.example -alice@acme.example"]
    assert [event.type for event in events.published] == ["qontract-api.mailing-lists.update_members"]
    assert post_office.domains["acme.example"]["news"] == ["bob@acme.example", "carol@acme.example"]


def test_if_an_answer_is_lost_the_next_run_publishes_what_was_done(
    post_office: PostOffice, events: InMemoryEventManager
) -> None:
    integration = mailing_lists(post_office)
    desired: dict[str, Any] = {"domains": {"acme.example": {"jobs": []}}}
    fail(integration, "apply", IntegrationError("no answer"), after=True)
    reconcile(integration, desired, events=events)
    reconcile(integration, desired, events=events)
    assert [event.type.rpartition(".")[2] for event in events.published] == ["error", "create"]


def test_a_rate_limit_says_when_to_go_on(post_office: PostOffice) -> None:
    post_office.answers = [httpx.Response(429, headers={"Retry-After": "30"})]
    with pytest.raises(RateLimitedError) as raised:
        mailing_lists(post_office).read("acme.example")
    assert raised.value.seconds == 30


@pytest.mark.parametrize("answer", [httpx.Response(503, text="closed"), httpx.Response(200, json=[{}])])
def test_an_answer_that_is_no_list_is_an_error_without_the_token(
    post_office: PostOffice, answer: httpx.Response
) -> None:
    post_office.answers = [answer]
    with pytest.raises(IntegrationError) as raised:
        mailing_lists(post_office).read("acme.example")
    assert "secret" not in str(raised.value)
