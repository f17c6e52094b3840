"""What becomes of calls to GitHub that fail: limits of the rate, lost answers, wrong tokens."""

import logging
from typing import Any

import pytest

from qontract.adapters.github import GithubApiTeams
from qontract.adapters.github.settings import GithubSettings
from qontract.application.github_teams import GithubTeams
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.domain.github_teams import TeamAction
from tests.contracts.github_teams import create, delete, update_members, update_team
from tests.support.github_sandbox import (
    CHILDREN,
    CREATE,
    DELETE,
    PUT,
    REMOVE,
    TOKENS,
    UPDATE,
    GithubSandbox,
)

SWAP = {"members": ("Alice",), "maintainers": ("bob", "carol"), "added": ("carol",), "removed": ("olivia", "ivan")}

ACTIONS: list[tuple[str, TeamAction]] = [(CREATE, create()), (UPDATE, update_team()), (PUT, update_members(**SWAP))]


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(("method", "action"), ACTIONS)
def test_a_rate_limit_is_an_error_with_its_seconds_when_nothing_of_the_action_was_done(
    github: GithubSandbox, teams: GithubTeams, method: str, action: TeamAction, status: int
) -> None:
    before = teams.read("acme")
    github.calls()
    github.fault(method, status=status, retry_after=90)
    with pytest.raises(RateLimitedError, match="for its rate") as caught:
        teams.apply(action)
    assert 88 <= caught.value.seconds <= 91
    assert github.calls() == [method]
    assert teams.read("acme") == before


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_of_reading_is_an_error_with_its_seconds(
    github: GithubSandbox, teams: GithubTeams, status: int
) -> None:
    github.fault("graphql", status=status, retry_after=3000)
    with pytest.raises(RateLimitedError) as caught:
        teams.read("acme")
    assert 2998 <= caught.value.seconds <= 3001


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_without_a_time_is_one_of_a_minute(github: GithubSandbox, teams: GithubTeams, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        body = b'{"message": "You have exceeded a secondary rate limit"}'
        await send({"type": "http.response.body", "body": body})

    github.serve(app)
    with pytest.raises(RateLimitedError) as caught:
        teams.apply(create())
    assert caught.value.seconds == 60


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_in_the_midst_of_an_action_is_waited_for(
    github: GithubSandbox, teams: GithubTeams, pauses: list[float], status: int
) -> None:
    github.fault(REMOVE, status=status, retry_after=60)
    teams.apply(update_members(**SWAP))
    assert github.calls() == [PUT, REMOVE, REMOVE, REMOVE]
    assert [round(pause, -1) for pause in pauses] == [60]


def test_waiting_in_the_midst_of_an_action_has_a_bound(
    github: GithubSandbox, teams: GithubTeams, pauses: list[float]
) -> None:
    github.fault(REMOVE, status=429, retry_after=100, times=50)
    with pytest.raises(IntegrationError, match=r"^stopped at 'olivia': .* for its rate, and asks to wait") as caught:
        teams.apply(update_members(**SWAP))
    assert not isinstance(caught.value, RateLimitedError)
    assert pauses == [100, 100, 100]


def test_a_short_rate_limit_is_waited_for_at_once(
    github: GithubSandbox, teams: GithubTeams, pauses: list[float]
) -> None:
    github.fault("graphql", status=429, retry_after=1)
    teams.read("acme")
    assert (github.calls(), pauses) == (["graphql"] * 2, [1])


@pytest.mark.parametrize(("method", "action"), [*ACTIONS[1:], (CHILDREN, delete()), (REMOVE, update_members(**SWAP))])
def test_what_is_the_same_done_twice_is_tried_again(
    github: GithubSandbox, teams: GithubTeams, pauses: list[float], method: str, action: TeamAction
) -> None:
    github.fault(method, status=502, after=True, times=2)
    teams.apply(action)
    assert github.calls().count(method) >= 3
    assert pauses == [0.5, 1]


def test_reading_is_tried_again(github: GithubSandbox, teams: GithubTeams, pauses: list[float]) -> None:
    github.fault("graphql", status=502, times=2)
    assert teams.read("acme").name == "acme"
    assert pauses == [0.5, 1]


def test_a_team_that_was_deleted_and_whose_answer_was_lost_is_deleted(
    github: GithubSandbox, teams: GithubTeams, pauses: list[float]
) -> None:
    github.fault(DELETE, status=502, after=True)
    teams.apply(delete())
    assert github.calls() == [CHILDREN, DELETE, DELETE]


@pytest.mark.parametrize("carried_out", [True, False])
def test_creating_is_not_tried_again_after_a_failure(
    github: GithubSandbox, teams: GithubTeams, carried_out: bool
) -> None:
    github.fault(CREATE, status=502, after=carried_out)
    with pytest.raises(IntegrationError, match=r"^GitHub refused POST /orgs/acme/teams: 502"):
        teams.apply(create())
    assert github.calls() == [CREATE]


def test_trying_again_has_an_end(github: GithubSandbox, teams: GithubTeams, pauses: list[float]) -> None:
    github.fault("graphql", status=500, times=50)
    with pytest.raises(IntegrationError, match=r"^GitHub refused the query Organisation: 500"):
        teams.read("acme")
    assert github.calls() == ["graphql"] * 3


def test_a_rate_limit_after_a_write_that_may_have_been_done_does_not_say_that_nothing_was(
    github: GithubSandbox, teams: GithubTeams, pauses: list[float]
) -> None:
    github.fault(UPDATE, status=502, after=True)
    github.fault(UPDATE, status=429, retry_after=90)
    teams.apply(update_team())
    assert pauses == [0.5, 90]


def test_a_refusal_that_is_no_rate_limit_stops_the_action(github: GithubSandbox, teams: GithubTeams) -> None:
    github.fault(PUT, status=403, retry_after=None, times=50)
    with pytest.raises(IntegrationError, match=r"^stopped at 'carol': GitHub refused PUT .*: 403"):
        teams.apply(update_members(**SWAP))
    assert github.calls() == [PUT]


def test_an_answer_that_comes_too_late_is_an_error(github: GithubSandbox) -> None:
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens=TOKENS, timeout=0.1))
    github.fault(CREATE, delay=0.5)
    with pytest.raises(IntegrationError, match=r"^GitHub did not answer POST /orgs/acme/teams: ReadTimeout"):
        teams.apply(create())


def test_a_wrong_token_is_refused_and_not_shown(github: GithubSandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens={"acme": "ghp_secret"}))
    with pytest.raises(IntegrationError, match=r"401 Bad credentials$") as caught:
        teams.read("acme")
    assert "secret" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("token", ["", "ghp_secret\nX-Evil: 1", "ghp secret", "ghp_sécret"])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(
    github: GithubSandbox, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens={"acme": token}))
    with pytest.raises(IntegrationError, match="QAPI_GITHUB__TOKENS") as caught:
        teams.read("acme")
    assert "cret" not in str(caught.value) + caplog.text
    assert github.calls() == []


def test_an_organisation_without_a_token_is_an_error_that_names_the_settings(teams: GithubTeams) -> None:
    with pytest.raises(IntegrationError, match=r"'atlantis'.*QAPI_GITHUB__TOKENS.*QAPI_GITHUB__INSTALLATIONS"):
        teams.read("atlantis")


@pytest.mark.parametrize("body", ["<html>proxy</html>", "[1]", '{"data": ', '{"data": {"organization": {}}}', ""])
def test_an_answer_that_is_not_githubs_is_an_error(github: GithubSandbox, body: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})

    github.serve(app)
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens=TOKENS))
    with pytest.raises(IntegrationError):
        teams.read("acme")
    with pytest.raises(IntegrationError):
        teams.apply(create())
