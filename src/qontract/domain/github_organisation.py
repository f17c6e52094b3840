"""A GitHub organisation as it is, and how names in it are compared."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict

Privacy = Literal["closed", "secret"]


def plain_login(text: str) -> str:
    """Return the login as logins are compared: letter case means nothing in them."""
    return text.casefold()


def slug_of(name: str) -> str:
    """Return the slug that GitHub makes from the name of a team: `k8s.io Ädmins` becomes `k8s-io-admins`."""
    letters = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", letters)).strip("-")


class GithubTeam(BaseModel):
    """A team as it is, without the members of its children. `parent` is a slug.

    Who is invited to the team has no role that can be read, until he accepts.
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
        """Return the login of everybody who is in it, or invited, by how it is compared."""
        return by_login((*self.members, *self.maintainers, *self.invited))


class GithubOrganisation(BaseModel):
    """One organisation as it is. `members` are those who are no owners; `invited` have not accepted yet."""

    model_config = ConfigDict(frozen=True)

    name: str
    owners: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    invited: tuple[str, ...] = ()
    teams: tuple[GithubTeam, ...] = ()

    def logins(self) -> dict[str, str]:
        """Return the login of everybody who is in it, or invited, by how it is compared."""
        return by_login((*self.owners, *self.members, *self.invited))

    def team(self, name: str) -> GithubTeam | None:
        """Return the team of this name or, if there is none, the one whose slug is made from such a name."""
        named = (team for team in self.teams if team.name.casefold() == name.casefold())
        return next(named, None) or self.by_slug().get(slug_of(name))

    def by_slug(self) -> Mapping[str, GithubTeam]:
        """Return the teams by slug."""
        return {team.slug: team for team in self.teams}


def by_login(logins: Iterable[str]) -> dict[str, str]:
    """Return the logins by how they are compared, in that order."""
    return dict(sorted((plain_login(login), login) for login in logins))
