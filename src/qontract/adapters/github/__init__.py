"""GitHub, through githubkit, which is imported when the integration is made."""

from qontract.adapters.github.github_teams import GithubApiTeams

__all__ = ["GithubApiTeams"]
