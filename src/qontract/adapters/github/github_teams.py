"""GitHub's teams, and the people that they are made of."""

import re
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any, Self

from githubkit import AppAuthStrategy, TokenAuthStrategy
from githubkit.auth import BaseAuthStrategy
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from qontract.adapters.github.client import GithubCalls, RefusedError
from qontract.adapters.github.reading import read_organisation
from qontract.application.github_teams import GithubTeams
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_organisation import GithubOrganisation, by_login, plain_login
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam


class GithubApp(BaseModel):
    """`QAPI_GITHUB__APP__…`: a GitHub App, in place of tokens. `installations`: organisation → installation's id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int
    private_key: SecretStr
    installations: dict[str, int]


class GithubSettings(BaseModel):
    """`QAPI_GITHUB__…`: how GitHub is reached. `tokens`: organisation → token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] = "https://api.github.com"
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    app: GithubApp | None = None
    timeout: float = Field(default=30, gt=0, description="Seconds for one call")
