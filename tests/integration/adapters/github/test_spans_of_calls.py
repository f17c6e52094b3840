"""The spans of requests to Slack and GitHub: what each says, and what none does."""

import asyncio

import pytest
from pydantic import SecretStr

from qontract.adapters.github import GithubApiTeams
from qontract.adapters.github.settings import GithubSettings
from qontract.adapters.slack import SlackEventHandler
from qontract.adapters.slack.client import SlackClient
from qontract.application import tracing
from qontract.application.ports.event_handler import Delivery
from qontract.application.ports.integration import IntegrationError
from qontract.application.ports.tracer import Kind
from qontract.domain.events import DomainEvent
from tests.contracts.github_teams import create
from tests.support.github_sandbox import TOKENS, GithubSandbox
from tests.support.hostile_http import answer, hostile_server
from tests.support.slack_sandbox import Sandbox
from tests.support.traces import recording, tree


def test_a_request_to_slack_says_its_method_address_and_status_and_neither_token_nor_arguments(
    slack_sandbox: Sandbox,
) -> None:
    slack = SlackClient("xoxb-sandbox-coreos", api_url=slack_sandbox.url, timeout=10)
    with recording() as tracer:
        slack.call("usergroups.users.update", usergroup="S1", users="U2")
    [span] = tracer.spans
    assert (span.name, span.kind, span.error) == ("POST /api/usergroups.users.update", Kind.CLIENT, None)
    host, port = slack_sandbox.url.removeprefix("http://").partition("/")[0].split(":")
    assert span.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": host,
        "server.port": int(port),
        "url.full": f"{slack_sandbox.url}usergroups.users.update",
        "url.template": "/api/usergroups.users.update",
    }


def test_each_try_is_a_span_with_the_status_that_it_got() -> None:
    answers = [answer({"ok": False}, 500), answer({"ok": True})]
    with hostile_server(lambda _: [answers.pop(0)]) as server, recording() as tracer:
        SlackClient("xoxb-s3cret", api_url=server.url, timeout=10).call("users.list")
    assert [(span.attributes["http.response.status_code"], span.error) for span in tracer.spans] == [
        (500, "500"),
        (200, None),
    ]
    assert "s3cret" not in repr(tracer.spans)
    assert all("traceparent" not in request.head.lower() for request in server.received)


def test_a_request_that_nobody_answers_is_a_span_that_failed() -> None:
    slack = SlackClient("xoxb-s3cret", api_url="http://127.0.0.1:1/api/", timeout=1)
    with recording() as tracer, pytest.raises(IntegrationError):
        slack.call("chat.postMessage", once=True)
    [span] = tracer.spans
    assert (span.error, span.attributes["server.port"]) == ("URLError", 1)


def test_the_message_of_the_notifier_is_within_the_attempt_though_another_thread_posts_it(
    slack_sandbox: Sandbox,
) -> None:
    settings = SlackEventHandler.Settings(
        token=SecretStr("xoxb-sandbox-coreos"), channel="general", api_url=slack_sandbox.url
    )

    async def nowhere(*_: object) -> None:
        raise AssertionError

    async def attempt() -> None:
        event = DomainEvent(type="acme.happened")
        with tracing.attempt("slack-notifier", event, 1):
            await SlackEventHandler(settings).handle(event, Delivery("slack-notifier", event, 1, nowhere))

    with recording() as tracer:
        asyncio.run(attempt())
    assert tree(tracer.spans) == ["CloudEvents Process acme.happened", ["POST /api/chat.postMessage"]]


def test_requests_to_github_have_a_path_without_names_or_the_name_of_their_query(github: GithubSandbox) -> None:
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens=TOKENS, timeout=10))
    with recording() as tracer:
        teams.read("acme")
        teams.apply(create(members=("bob",)))
    spans = {span.name: span for span in tracer.spans}
    assert {"POST /graphql", "POST /orgs/{}/teams", "PUT /orgs/{}/teams/{}/memberships/{}"} <= spans.keys()
    assert spans["POST /graphql"].attributes["graphql.operation.name"] in {"Organisation", "Team"}
    made = spans["POST /orgs/{}/teams"]
    assert made.attributes["http.response.status_code"] == 201
    assert str(made.attributes["url.full"]).endswith("/orgs/acme/teams")
    assert {span.kind for span in tracer.spans} == {Kind.CLIENT}
    assert not [token for token in TOKENS.values() if token in repr(tracer.spans)]
