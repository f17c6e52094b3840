"""GitHub's teams through githubkit, against the sandbox."""

from collections.abc import Mapping
from typing import Any

import pytest

from qontract.application.github_teams import GithubTeams
from qontract.testing import IntegrationContract
from tests.contracts.github_teams import GithubTeamsContract
from tests.support.github_desired import DESIRED, ELSEWHERE


class TestGithubApiTeams(GithubTeamsContract):
    @pytest.fixture
    def teams(self, teams: GithubTeams) -> GithubTeams:
        return teams


class TestGithubApiTeamsAsAnIntegration(IntegrationContract):
    @pytest.fixture
    def integration(self, teams: GithubTeams) -> GithubTeams:
        return teams

    @pytest.fixture
    def desired(self) -> Mapping[str, Any]:
        return DESIRED

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        return ELSEWHERE
