"""The systems that chaos reconciles: each remembers what changed in it, and says what its events tell."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Any

from qontract.adapters.github.client import GithubCalls
from qontract.adapters.github.github_teams import GithubApiTeams
from qontract.adapters.slack import SlackApiUsergroups
from qontract.adapters.slack.client import SlackClient
from qontract.application.ports.integration import AnyIntegration
from qontract.entrypoints.github_sandbox import create_app
from qontract.entrypoints.github_sandbox.organisation import SandboxOrganisation, StartOrganisation
from qontract.entrypoints.slack_sandbox.workspace import SandboxWorkspace
from qontract.entrypoints.slack_sandbox.workspace import StartFile as SlackStartFile
from tests.chaos.changes import Change, Fields, Recorded, Recorder
from tests.support.github_sandbox import running_github
from tests.support.slack_sandbox import channel, user, usergroup
from tests.support.slack_sandbox import running_sandbox as running_slack

SCOPE = "acme"
PEOPLE = [f"u{number}" for number in range(8)]
CHANNELS = [f"c{number}" for number in range(4)]


@dataclass(frozen=True)
class System:
    """One integration, its sandbox, and what is desired of it."""

    integration: Callable[[str], AnyIntegration]
    calls: type[Any]
    methods: tuple[str, ...]
    running: Callable[[], AbstractContextManager[Any]]
    desired: Callable[[Random, int], dict[str, Any]]
    begin: Callable[[Any, Sequence[dict[str, Any]]], Recorded]
    """Let the sandbox serve the system at its start, and return that. It is given all that will be desired."""
    published: Callable[[dict[str, Any]], list[Change]]


class RecordedWorkspace(SandboxWorkspace):
    """A workspace that remembers each change of a usergroup."""

    def __init__(self, start: SlackStartFile) -> None:
        super().__init__(start)
        self._recorder = Recorder(self.fields())
        self.changes, self.halfway = self._recorder.changes, self._recorder.halfway

    def call(self, method: str, arguments: dict[str, str]) -> dict[str, Any]:
        try:
            return super().call(method, arguments)
        finally:
            self._recorder.note(self.fields(), halfway=method == "usergroups.enable")

    def fields(self) -> Fields:
        return {
            (group["handle"], field): value
            for group in self.state.usergroups
            for field, value in {
                "description": group["description"],
                "members": () if group["date_delete"] else tuple(sorted(group["users"])),
                "channels": tuple(sorted(group["prefs"]["channels"])),
            }.items()
        }


def _slack_begin(sandbox: Any, _: Sequence[dict[str, Any]]) -> Recorded:
    start = {
        "team": {"id": "T1", "name": SCOPE},
        "users": [user(name.upper(), name) for name in PEOPLE],
        "channels": [channel(name.upper(), name) for name in CHANNELS],
        "usergroups": [
            usergroup("S0", "team-0", description="at first", users=["U0"]),
            usergroup("S1", "team-1", description="at first", users=["U1", "U2"], date_delete=1),
        ],
    }
    workspace = RecordedWorkspace(SlackStartFile.model_validate(start))
    sandbox.serve(workspace)
    return workspace


def _slack_desired(random: Random, number: int) -> dict[str, Any]:
    """Create, fill, empty, disable and enable usergroups, and change what they say."""
    groups = [
        {
            "handle": f"team-{group}",
            "users": random.sample(PEOPLE, random.choice([0, 1, 2, 3])),
            "description": f"as job {number} says",
            "channels": random.sample(CHANNELS, random.choice([1, 2])),
        }
        for group in range(4)
    ]
    return {"workspaces": [{"name": SCOPE, "usergroups": groups}]}


def _slack_published(event: dict[str, Any]) -> list[Change]:
    data, kind = event["data"], event["type"].rpartition(".")[2]
    found: list[Change] = []
    if kind in {"create", "update_metadata"}:
        found.append((data["usergroup"], "description", data["description"]))
        found.append((data["usergroup"], "channels", tuple(sorted(data["channel_ids"]))))
    if kind in {"create", "update_users"}:
        found.append((data["usergroup"], "members", tuple(sorted(data["user_ids"]))))
    return found


class RecordedOrganisation(SandboxOrganisation):
    """An organisation that remembers each change of a team.

    A team's people are changed one by one: what is not in `desired` is halfway.
    """

    def __init__(self, start: StartOrganisation, desired: Collection[Change]) -> None:
        super().__init__(start, [])
        self._desired = desired
        self._recorder = Recorder(self.fields())
        self.changes, self.halfway = self._recorder.changes, self._recorder.halfway

    def create(self, body: dict[str, Any], maker: str | None) -> Any:
        return self._noted(super().create, body, maker)

    def update(self, slug: str, body: dict[str, Any]) -> Any:
        return self._noted(super().update, slug, body)

    def put(self, slug: str, login: str, role: str) -> Any:
        return self._noted(super().put, slug, login, role)

    def remove(self, slug: str, login: str) -> None:
        self._noted(super().remove, slug, login)

    def _noted(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        finally:
            before = len(self.changes)
            self._recorder.note(self.fields(), halfway=False)
            for change in self.changes[before:]:
                self.halfway[change] += change[1] == "members" and change not in self._desired

    def fields(self) -> Fields:
        return {
            (team.slug, field): value
            for team in self.teams.values()
            for field, value in {
                "description": team.description or "",
                "members": tuple(sorted(team.people.items())),
            }.items()
        }


def _github_begin(sandbox: Any, desired: Sequence[dict[str, Any]]) -> Recorded:
    teams = [{"name": "team-0", "description": "at first", "members": PEOPLE[:3]}]
    start = {"login": SCOPE, "owners": ["owner"], "members": PEOPLE, "teams": teams}
    wanted = {
        (team["name"], "members", _roles(team))
        for state in desired
        for organisation in state["organisations"]
        for team in organisation["teams"]
    }
    organisation = RecordedOrganisation(StartOrganisation.model_validate(start), wanted)
    sandbox.serve(create_app([organisation]))
    return organisation


def _github_desired(random: Random, number: int) -> dict[str, Any]:
    """Create and fill teams, change their people, their roles, and what they say."""
    teams = []
    for team in range(3):
        people = random.sample(PEOPLE, 3)
        maintainers = people[: random.choice([0, 1])]
        about = {"name": f"team-{team}", "description": f"as job {number} says"}
        teams.append(about | {"members": people[len(maintainers) :], "maintainers": maintainers})
    return {"organisations": [{"name": SCOPE, "teams": teams}]}


def _github_published(event: dict[str, Any]) -> list[Change]:
    data, kind = event["data"], event["type"].rpartition(".")[2]
    found: list[Change] = []
    if kind in {"create", "update_team"}:
        found.append((data["slug"], "description", data["description"]))
    if kind in {"create", "update_members"}:
        found.append((data["slug"], "members", _roles(data)))
    return found


def _roles(team: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    roles = dict.fromkeys(team["members"], "member") | dict.fromkeys(team["maintainers"], "maintainer")
    return tuple(sorted(roles.items()))


def _slack(url: str) -> AnyIntegration:
    settings = {"tokens": {SCOPE: f"xoxb-sandbox-{SCOPE}"}, "api_url": url, "timeout": 5}
    return SlackApiUsergroups(SlackApiUsergroups.Settings.model_validate(settings))


def _github(url: str) -> AnyIntegration:
    settings = {"tokens": {SCOPE: f"ghp_sandbox_{SCOPE}"}, "api_url": url, "timeout": 5}
    return GithubApiTeams(GithubApiTeams.Settings.model_validate(settings))


SYSTEMS = {
    "slack-usergroups": System(
        _slack, SlackClient, ("call",), running_slack, _slack_desired, _slack_begin, _slack_published
    ),
    "github-teams": System(
        _github,
        GithubCalls,
        ("query", "get", "post", "change", "delete"),
        running_github,
        _github_desired,
        _github_begin,
        _github_published,
    ),
}
