"""What the tests of GitHub share: one sandbox, and the integration that it answers."""

from collections.abc import Iterator

import pytest

from qontract.adapters.github import GithubApiTeams
from qontract.adapters.github.settings import GithubSettings
from qontract.application.github_teams import GithubTeams
from tests.support.github_sandbox import START, TOKENS, GithubSandbox, running_github


@pytest.fixture(scope="session")
def github_server() -> Iterator[GithubSandbox]:
    with running_github() as sandbox:
        yield sandbox


@pytest.fixture
def github(github_server: GithubSandbox) -> GithubSandbox:
    """A running GitHub sandbox with the organisations acme and other as they are at the start."""
    github_server.start(START)
    return github_server


@pytest.fixture
def teams(github: GithubSandbox) -> GithubTeams:
    """GitHub's teams, as they are reached over HTTP."""
    return GithubApiTeams(GithubSettings(api_url=github.url, tokens=TOKENS, timeout=10))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client of GitHub makes, which take no time here."""
    made: list[float] = []
    monkeypatch.setattr("qontract.adapters.github.client.time.sleep", made.append)
    return made
