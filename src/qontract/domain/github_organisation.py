"""A GitHub organisation as it is, and how names in it are compared."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict

Privacy = Literal["closed", "secret"]


def plain_login(text: str) -> str:
    """Return the login in the form in which logins are compared: without letter case."""
    return text.casefold()


def slug_of(name: str) -> str:
    """Return the slug that GitHub makes from the name of a team: `k8s.io Ädmins` becomes `k8s-io-admins`."""
    letters = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", letters)).strip("-")


class GithubTeam(BaseModel):
    """A team as it is, without the members of its children. `parent` is a slug.

    GitHub does not say which role an invited person will have.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    slug: str
    description: str = ""
    privacy: Privacy = "closed"
    parent: str | None = None
    members: tuple[str, ...] = ()
    maintainers: tuple[str, ...] = ()
    invited: tuple[str, ...] = ()

    def logins(self) -> dict[str, str]:
        """Return the logins of everybody who is in it, or invited, by the form in which they are compared."""
        return by_login((*self.members, *self.maintainers, *self.invited))


class GithubOrganisation(BaseModel):
    """An organisation as it is. `members` are not owners; `invited` people have not accepted yet."""

    model_config = ConfigDict(frozen=True)

    name: str
    owners: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    invited: tuple[str, ...] = ()
    teams: tuple[GithubTeam, ...] = ()

    def logins(self) -> dict[str, str]:
        """Return the logins of everybody who is in it, or invited, by the form in which they are compared."""
        return by_login((*self.owners, *self.members, *self.invited))

    def team(self, name: str) -> GithubTeam | None:
        """Return the team with this name or, if there is none, with the slug that GitHub makes from this name."""
        named = (team for team in self.teams if team.name.casefold() == name.casefold())
        return next(named, None) or self.by_slug().get(slug_of(name))

    def by_slug(self) -> Mapping[str, GithubTeam]:
        """Return the teams by slug."""
        return {team.slug: team for team in self.teams}


def by_login(logins: Iterable[str]) -> dict[str, str]:
    """Return the logins by the form in which they are compared, sorted by it."""
    return dict(sorted((plain_login(login), login) for login in logins))
