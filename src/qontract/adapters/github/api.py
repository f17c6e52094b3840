"""GitHub's API for one integration: who calls it, and what an action or a reading is in calls."""

import re
from math import inf

from githubkit.auth import AppAuthStrategy, BaseAuthStrategy, TokenAuthStrategy
from githubkit.cache import MemCacheStrategy

from qontract.adapters.call_bounds import Bounds
from qontract.adapters.github.applying import apply_action
from qontract.adapters.github.client import GithubCalls
from qontract.adapters.github.organisation_reading import read_organisation
from qontract.adapters.github.settings import GithubSettings
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_organisation import GithubOrganisation
from qontract.domain.github_teams import TeamAction

_READING_ATTEMPTS = 20
"""A reading has the time of so many attempts: ten minutes, as long as a slice of a job may take."""


class GithubApi:
    """Makes each reading, and each action, with calls of its own. An App's tokens are kept until they expire."""

    def __init__(self, settings: GithubSettings) -> None:
        self._settings = settings
        self._cache = MemCacheStrategy()

    def read(self, organisation: str) -> GithubOrganisation:
        """Return the organisation. Raises IntegrationError."""
        with self._calls(organisation, seconds=_READING_ATTEMPTS * self._settings.timeout) as calls:
            return read_organisation(calls, organisation)

    def apply(self, action: TeamAction) -> None:
        """Do what the action says. Raises IntegrationError."""
        with self._calls(action.organisation) as calls:
            apply_action(calls, action)

    def _calls(self, organisation: str, seconds: float = inf) -> GithubCalls:
        settings = self._settings
        return GithubCalls(
            self._auth(organisation),
            api_url=settings.api_url,
            bounds=Bounds(seconds=seconds, attempt=settings.timeout),
            cache=self._cache,
        )

    def _auth(self, organisation: str) -> BaseAuthStrategy:
        settings = self._settings
        if token := settings.tokens.get(organisation):
            text = token.get_secret_value().strip()
            if not re.fullmatch(r"[!-~]+", text):  # httpx would show it in its own complaint
                raise IntegrationError("a token in QAPI_GITHUB__TOKENS is empty, or has characters that no token has")
            return TokenAuthStrategy(text)
        installation = settings.installations.get(organisation)
        if installation is None or settings.app_id is None or settings.app_private_key is None:
            raise IntegrationError(
                f"no token for the organisation {organisation!r}: add it to QAPI_GITHUB__TOKENS, or give"
                " QAPI_GITHUB__APP_ID, QAPI_GITHUB__APP_PRIVATE_KEY and its entry in QAPI_GITHUB__INSTALLATIONS"
            )
        app = AppAuthStrategy(settings.app_id, settings.app_private_key.get_secret_value())
        return app.as_installation(installation)
