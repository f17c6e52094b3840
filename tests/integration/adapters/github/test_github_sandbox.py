"""The GitHub sandbox: what GitHub refuses, its limits, its queries, and the process."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from qontract.entrypoints.github_sandbox import load
from qontract.entrypoints.github_sandbox.sandbox import SANDBOX
from qontract.entrypoints.sandbox_server import RateLimits
from tests.support import requesting
from tests.support.github_sandbox import START, GithubSandbox
from tests.support.processes import free_port, process

TEAM = "orgs/acme/teams/team-a"
TOO_MUCH = """
query Q { organization(login: "acme") {
  teams(first: 100) { nodes { members(first: 100) { nodes { login more(first: 100) { name } } } } }
} }
"""
AUTH = {"authorization": "Bearer ghp_sandbox_acme"}


def ask(github: GithubSandbox, verb: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    url = f"{github.url}/{path}"
    return requesting.request(verb, url, json=body, headers=AUTH | headers, trust_env=False)


def query(github: GithubSandbox, text: str, **variables: Any) -> dict[str, Any]:
    answer = ask(github, "POST", "graphql", {"query": text, "variables": variables})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("authorization", ["", "Bearer ghp_other", "token ghp_sandbox_nowhere", "ghp_real_acme"])
def test_a_call_without_a_right_token_is_refused(github: GithubSandbox, authorization: str) -> None:
    answer = ask(github, "GET", TEAM, authorization=authorization)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_a_token_shows_its_own_organisation_alone(github: GithubSandbox) -> None:
    assert ask(github, "GET", "orgs/other/teams/team-a").status_code == 404
    assert ask(github, "GET", "orgs/other/teams/team-a", authorization="token ghp_sandbox_other").is_success


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"),
    [
        ("POST", "orgs/acme/teams", {}, 422),
        ("POST", "orgs/acme/teams", {"name": "team A"}, 422),
        ("POST", "orgs/acme/teams", {"name": "x", "parent_team_id": 7}, 422),
        ("POST", "orgs/acme/teams", {"name": "x", "parent_team_id": 1_000_000, "privacy": "secret"}, 422),
        ("POST", "orgs/acme/teams", {"name": "x", "parent_team_id": 1_000_002}, 422),
        ("POST", "orgs/acme/teams", {"name": "x", "privacy": "open"}, 422),
        ("PATCH", TEAM, {"privacy": "secret"}, 422),
        ("PATCH", TEAM, {"parent_team_id": 1_000_001}, 422),
        ("PATCH", "orgs/acme/teams/nowhere", {"description": "x"}, 404),
        ("DELETE", "orgs/acme/teams/nowhere", None, 404),
        ("GET", "orgs/acme/teams/nowhere/teams", None, 404),
        ("GET", "orgs/acme/teams/nowhere/members", None, 404),
        ("PUT", f"{TEAM}/memberships/ghost", {}, 404),
        ("PUT", f"{TEAM}/memberships/alice", {"role": "king"}, 422),
        ("PUT", "orgs/acme/teams/nowhere/memberships/alice", {}, 404),
        ("DELETE", f"{TEAM}/memberships/carol", None, 404),
    ],
)
def test_a_refusal_has_githubs_status_and_changes_nothing(
    github: GithubSandbox, verb: str, path: str, body: Any, status: int
) -> None:
    before = github.state()
    answer = ask(github, verb, path, body)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert github.state() == before


def test_a_body_that_is_no_json_is_refused(github: GithubSandbox) -> None:
    answer = requesting.post(f"{github.url}/orgs/acme/teams", content=b"{", headers=AUTH, trust_env=False)
    assert answer.status_code == 400


def test_the_slug_is_made_from_the_name(github: GithubSandbox) -> None:
    made = ask(github, "POST", "orgs/acme/teams", {"name": "My TEam Näme. "}).json()
    assert (made["name"], made["slug"], made["privacy"]) == ("My TEam Näme. ", "my-team-name", "secret")


def test_who_makes_a_team_with_a_users_token_is_its_maintainer(github: GithubSandbox) -> None:
    ask(github, "POST", "orgs/acme/teams", {"name": "x"})
    assert github.team("x")["maintainers"] == ["olivia"]
    ask(github, "POST", "orgs/acme/teams", {"name": "y"}, authorization="Bearer ghs_sandbox_acme")
    assert github.team("y")["maintainers"] == []


def test_an_owner_is_always_a_maintainer(github: GithubSandbox) -> None:
    answer = ask(github, "PUT", f"{TEAM}/memberships/OLIVIA", {"role": "member"}).json()
    assert answer == {"role": "maintainer", "state": "active"}


def test_a_listing_of_members_has_those_of_the_children(github: GithubSandbox) -> None:
    logins = [member["login"] for member in ask(github, "GET", f"{TEAM}/members").json()]
    assert logins == ["Alice", "bob", "carol", "olivia"]
    text = 'query Q { organization(login: "acme") { team(slug: "team-a") { members(first: 9) { nodes { login } } } } }'
    shown = query(github, text)["data"]["organization"]["team"]["members"]["nodes"]
    assert [member["login"] for member in shown] == logins


def test_deleting_a_team_deletes_its_children(github: GithubSandbox) -> None:
    assert ask(github, "DELETE", TEAM).status_code == 204
    assert [team["slug"] for team in github.state()["teams"]] == ["hidden"]


def test_who_is_invited_is_pending_until_he_accepts(github: GithubSandbox) -> None:
    answer = ask(github, "PUT", f"{TEAM}/memberships/stranger", {"role": "maintainer"}).json()
    assert answer == {"role": "maintainer", "state": "pending"}
    assert github.team("team-a")["invited"] == ["ivan", "Stranger"]
    github.accept("stranger")
    assert github.team("team-a")["maintainers"] == ["bob", "olivia", "Stranger"]
    assert github.state()["invited"] == ["ivan"]


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        ("mutation M { x }", {}, "Parse error"),
        ("query Q { viewer { login }", {}, "Parse error"),
        ("query Q { viewer { login } } %", {}, "Parse error"),
        ("query Q { viewer { email } }", {}, "Field 'email' doesn't exist"),
        ("query Q { viewer }", {}, "must have selections"),
        ("query Q { viewer { login { x } } }", {}, "has no fields"),
        ("query Q { viewer { login(first: 1) } }", {}, "doesn't accept arguments"),
        ("query Q($x: String!) { viewer { login } }", {}, r"Variable \$x"),
        ("query Q($x: String) { organization(login: $y) { login } }", {"y": 1}, "Parse error"),
        ('query Q { organization(login: "nowhere") { login } }', {}, "Could not resolve to an Organization"),
        ('query Q { organization(login: "acme") { teams { nodes { name } } } }', {}, "`first` or `last`"),
        ('query Q { organization(login: "acme") { teams(first: 101) { nodes { name } } } }', {}, "exceeds the limit"),
        ('query Q { organization(login: "acme") { teams(first: 1, after: "x") { nodes { name } } } }', {}, "cursor"),
        (
            'query Q { organization(login: "acme") { teams(first: 1, by: ME) { nodes { name } } } }',
            {},
            "these arguments",
        ),
        (TOO_MUCH, {}, "above 500000 nodes"),
    ],
)
def test_a_query_that_is_wrong_is_an_error(
    github: GithubSandbox, text: str, variables: dict[str, Any], message: str
) -> None:
    answer = query(github, text, **variables)
    assert answer["data"] is None
    with pytest.raises(ValueError, match=message):
        raise ValueError(answer["errors"][0]["message"])


def test_pages_go_forwards_and_backwards(github: GithubSandbox) -> None:
    text = """
    query Q($after: String, $before: String) { organization(login: "acme") {
      first: membersWithRole(first: 2, after: $after) { nodes { login } pageInfo { hasNextPage endCursor } }
      last: membersWithRole(last: 2, before: $before) {
        nodes { login } pageInfo { hasPreviousPage startCursor } totalCount
      }
    } }
    """
    found = query(github, text)["data"]["organization"]
    assert [node["login"] for node in found["first"]["nodes"] + found["last"]["nodes"]] == [
        "Alice",
        "bob",
        "dave",
        "olivia",
    ]
    after, before = found["first"]["pageInfo"]["endCursor"], found["last"]["pageInfo"]["startCursor"]
    found = query(github, text, after=after, before=before)["data"]["organization"]
    assert [node["login"] for node in found["first"]["nodes"]] == ["carol", "dave"]
    assert [node["login"] for node in found["last"]["nodes"]] == ["bob", "carol"]
    assert (found["first"]["pageInfo"]["hasNextPage"], found["last"]["totalCount"]) == (True, 5)


def test_a_field_is_left_out_if_it_is_not_to_be_included(github: GithubSandbox) -> None:
    text = "query Q($who: Boolean!) { viewer { login } me: viewer @include(if: $who) { login } }"
    assert query(github, text, who=False)["data"] == {"viewer": {"login": "olivia"}}
    assert query(github, text, who=True)["data"]["me"] == {"login": "olivia"}


def test_the_real_limits_are_kept_with_time_as_fast_as_is_asked_for(github_server: GithubSandbox) -> None:
    now = 0.0
    github_server.start(START, limits=RateLimits(60, clock=lambda: now))
    answers = [ask(github_server, "PUT", f"{TEAM}/memberships/alice", {}) for _ in range(81)]
    assert [answer.status_code for answer in answers] == [200] * 80 + [403]
    assert answers[-1].headers["retry-after"] == "1"
    assert ask(github_server, "GET", TEAM).is_success
    now = 1.0  # a minute, sixty times as fast
    assert ask(github_server, "PUT", f"{TEAM}/memberships/alice", {}).is_success


def test_a_process_serves_until_it_is_told_to_end_and_logs_no_token(tmp_path: Path) -> None:
    file, port = tmp_path / "organisations.json", free_port()
    file.write_text(json.dumps(START))
    address = f"http://127.0.0.1:{port}"
    arguments = ["-m", "qontract.entrypoints.github_sandbox", "--state", str(file), "--port", str(port)]
    with process(*arguments, "--limits", "60", ready=f"{address}/sandbox/ready") as sandbox:
        assert requesting.get(f"{address}/{TEAM}", headers=AUTH, trust_env=False).json()["name"] == "Team A"
        sandbox.send_signal(signal.SIGTERM)
        said, _ = sandbox.communicate(timeout=10)
    assert sandbox.returncode == 0
    assert "teams/get-by-name" in said
    assert "ghp_" not in said


def test_the_settings_lead_to_the_sandbox_with_the_tokens_of_the_organisations_that_it_begins_with() -> None:
    assert SANDBOX.environment("http://127.0.0.1:8084", SANDBOX.state) == {
        "QAPI_GITHUB__API_URL": "http://127.0.0.1:8084",
        "QAPI_GITHUB__TOKENS": '{"acme": "ghp_sandbox_acme"}',
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("{}", "organisations: Field required"),
        ('{"organisations": []}', "organisations: List should have at least 1 item"),
        ('{"organisations": [{"login": "a"}]}', "organisations.0.owners: Field required"),
        ('{"organisations": [{"login": "a", "owners": [], "teams": [{}]}]}', r"organisations.0.teams.0.name: Field"),
    ],
)
def test_a_malformed_start_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "organisations.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_primary_limit_has_its_own_headers_and_says_when_it_ends(github_server: GithubSandbox) -> None:
    github_server.start(START, limits=RateLimits(60, clock=lambda: 0.0))
    github_server.fault("teams/get-by-name", status=403, retry_after=60)
    answer = ask(github_server, "GET", TEAM)
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (403, "0")
    assert time.time() + 58 < int(answer.headers["x-ratelimit-reset"]) < time.time() + 62
