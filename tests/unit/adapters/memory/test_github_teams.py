"""GitHub organisations in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from qontract.adapters.memory.github_teams import InMemoryGithubTeams
from qontract.application.github_teams import GithubTeams
from qontract.testing import IntegrationContract
from tests.contracts.github_teams import ACME, OTHER, GithubTeamsContract
from tests.support.github_desired import DESIRED, ELSEWHERE


class TestInMemoryGithubTeams(GithubTeamsContract):
    @pytest.fixture
    def teams(self) -> GithubTeams:
        return InMemoryGithubTeams(ACME, OTHER)


class TestInMemoryGithubTeamsAsAnIntegration(IntegrationContract):
    @pytest.fixture
    def integration(self) -> GithubTeams:
        return InMemoryGithubTeams(ACME, OTHER)

    @pytest.fixture
    def desired(self) -> Mapping[str, Any]:
        return DESIRED

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        return ELSEWHERE
