"""GitHub's teams. The class is known wherever integrations are listed; githubkit is loaded when it is made."""

from qontract.adapters.github.settings import GithubSettings
from qontract.application.github_teams import GithubTeams
from qontract.domain.github_organisation import GithubOrganisation
from qontract.domain.github_teams import TeamAction


class GithubApiTeams(GithubTeams):
    """Reads and changes each organisation with its token, or as an App that is installed there.

    It needs to read and write the organisation's members: `admin:org` for a classic token, "Members: read and write"
    for a fine-grained token or an App.
    """

    Settings = GithubSettings
    settings_group = "github"

    def __init__(self, settings: GithubSettings) -> None:
        from qontract.adapters.github.api import GithubApi  # noqa: PLC0415 - who only lists integrations starts sooner

        self.in_doubt_seconds = 2 * settings.timeout
        self._api = GithubApi(settings)

    def read(self, scope: str) -> GithubOrganisation:
        """Return the organisation: a call for each 200 of its people, and for each 100 members of a large team."""
        return self._api.read(scope)

    def apply(self, action: TeamAction) -> None:
        """Make the calls of the action."""
        self._api.apply(action)
