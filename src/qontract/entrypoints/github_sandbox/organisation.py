"""Organisations that behave as GitHub's documentation says: their teams, memberships and invitations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qontract.domain.github_organisation import slug_of

_FIRST_ID = 1_000_000


class Refusal(Exception):  # noqa: N818 - a status above 399 is an answer, and no failure of the sandbox
    """What GitHub refuses, with its status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


NOT_FOUND = (404, "Not Found")


class StartTeam(BaseModel):
    """A team in a start file; `parent` is a name or a slug. `invited` have not accepted yet."""

    model_config = ConfigDict(extra="allow")

    name: str
    slug: str = Field(default_factory=lambda data: slug_of(data["name"]))
    description: str | None = None
    privacy: Literal["closed", "secret"] = "closed"
    parent: str | None = None
    members: list[str] = Field(default_factory=list)
    maintainers: list[str] = Field(default_factory=list)
    invited: list[str] = Field(default_factory=list)


class StartOrganisation(BaseModel):
    """An organisation in a start file, and what the sandbox shows of its state."""

    model_config = ConfigDict(extra="allow")

    login: str
    owners: list[str]
    members: list[str] = Field(default_factory=list)
    invited: list[str] = Field(default_factory=list)
    teams: list[StartTeam] = Field(default_factory=list)


class StartFile(BaseModel):
    """What a sandbox starts from. `users` are on GitHub, and in no organisation."""

    model_config = ConfigDict(extra="allow")

    organisations: list[StartOrganisation] = Field(min_length=1)
    users: list[str] = Field(default_factory=list)


@dataclass
class Team:
    """A team; `people` and `invited` have roles by login in small letters, `parent` is a slug."""

    id: int
    name: str
    slug: str
    description: str | None = None
    privacy: str = "secret"
    parent: str | None = None
    people: dict[str, str] = field(default_factory=dict)
    invited: dict[str, str] = field(default_factory=dict)


class SandboxOrganisation:
    """One organisation, in memory. `users` are on GitHub, and outside of it."""

    def __init__(self, start: StartOrganisation, users: list[str]) -> None:
        self.login = start.login
        people = (*start.owners, *start.members, *start.invited, *users)
        self.names = {login.lower(): login for login in reversed(people)}
        self.owners = {login.lower() for login in start.owners}
        self.people = self.owners | {login.lower() for login in start.members}
        self.invited = {login.lower() for login in start.invited}
        self._ids = count(_FIRST_ID)
        self.teams: dict[str, Team] = {}
        for team in start.teams:
            parent = slug_of(team.parent) if team.parent else None
            settings = team.model_dump(include={"name", "slug", "description", "privacy"})
            made = Team(id=next(self._ids), parent=parent, **settings)
            self.teams[made.slug] = made
            for role, logins in (("member", team.members), ("maintainer", team.maintainers)):
                made.people |= {login.lower(): self._role(login.lower(), role) for login in logins}
            made.invited = {login.lower(): "member" for login in team.invited}

    def team(self, slug: str) -> Team:
        """Return a team. Raises Refusal."""
        if slug not in self.teams:
            raise Refusal(*NOT_FOUND)
        return self.teams[slug]

    def create(self, body: dict[str, Any], maker: str | None) -> Team:
        """Make a team; who makes it as a user becomes its maintainer. Raises Refusal."""
        name = body.get("name")
        if not isinstance(name, str) or not slug_of(name):
            raise Refusal(422, "Invalid request: name is missing")
        slug = slug_of(name)
        if slug in self.teams:
            raise Refusal(422, "Validation Failed: Name must be unique for this org")
        parent = self._parent(body)
        team = Team(id=next(self._ids), name=name, slug=slug, description=body.get("description"), parent=parent)
        team.privacy = body.get("privacy") or ("closed" if parent else "secret")
        self._check_nesting(team)
        self.teams[slug] = team
        if maker:
            team.people[maker.lower()] = "maintainer"
        return team

    def update(self, slug: str, body: dict[str, Any]) -> Team:
        """Change the settings that are given. Raises Refusal."""
        team = self.team(slug)
        changed = Team(**vars(team))
        changed.description = body.get("description", team.description)
        changed.privacy = body.get("privacy", team.privacy)
        if "parent_team_id" in body:
            changed.parent = self._parent(body)
        self._check_nesting(changed)
        self.teams[slug] = changed
        return changed

    def delete(self, slug: str) -> None:
        """Delete a team and, as GitHub does, its children. Raises Refusal."""
        self.team(slug)
        for child in self.children(slug):
            self.delete(child.slug)
        del self.teams[slug]

    def children(self, slug: str) -> list[Team]:
        """Return the teams that are in it. Raises Refusal."""
        self.team(slug)
        return [team for team in self.teams.values() if team.parent == slug]

    def everybody(self, slug: str) -> dict[str, str]:
        """Return the roles of its members, and of those of its children: GitHub lists them too. Raises Refusal."""
        below: dict[str, str] = {}
        for child in self.children(slug):
            below |= dict.fromkeys(self.everybody(child.slug), "member")
        return below | self.team(slug).people

    def put(self, slug: str, login: str, role: str) -> dict[str, str]:
        """Put somebody in, or invite him, if he is outside of the organisation. Raises Refusal."""
        team, key = self.team(slug), login.lower()
        if key not in self.names:
            raise Refusal(*NOT_FOUND)
        if role not in {"member", "maintainer"}:
            raise Refusal(422, "Validation Failed: role")
        if key in self.people:
            team.people[key] = self._role(key, role)
            return {"role": team.people[key], "state": "active"}
        self.invited.add(key)
        team.invited[key] = role
        return {"role": role, "state": "pending"}

    def remove(self, slug: str, login: str) -> None:
        """Take somebody out, or his invitation back. Raises Refusal."""
        team, key = self.team(slug), login.lower()
        if key not in team.people | team.invited:
            raise Refusal(*NOT_FOUND)
        team.people.pop(key, None)
        team.invited.pop(key, None)

    def accept(self, login: str) -> None:
        """Have somebody who is invited accept."""
        key = login.lower()
        self.invited.discard(key)
        self.people.add(key)
        for team in self.teams.values():
            if key in team.invited:
                team.people[key] = team.invited.pop(key)

    def named(self, logins: Iterator[str] | set[str] | dict[str, str]) -> list[str]:
        """Return the logins as their users write them, in order."""
        return [self.names[key] for key in sorted(logins)]

    def state(self) -> StartOrganisation:
        """Return it in the shape of a start file."""
        return StartOrganisation(
            login=self.login,
            owners=self.named(self.owners),
            members=self.named(self.people - self.owners),
            invited=self.named(self.invited),
            teams=[self._shown(team) for team in self.teams.values()],
        )

    def _shown(self, team: Team) -> StartTeam:
        shown = {key: getattr(team, key) for key in ("name", "slug", "description", "privacy", "parent")}
        shown["members"] = self.named(key for key, role in team.people.items() if role == "member")
        shown["maintainers"] = self.named(key for key, role in team.people.items() if role == "maintainer")
        return StartTeam(**shown, invited=self.named(team.invited))

    def _role(self, key: str, role: str) -> str:
        """Return the role that somebody gets: an owner of the organisation is always a maintainer."""
        return "maintainer" if key in self.owners else role

    def _parent(self, body: dict[str, Any]) -> str | None:
        """Return the slug of the parent whose id is given. Raises Refusal."""
        parent = body.get("parent_team_id")
        found = [team.slug for team in self.teams.values() if team.id == parent]
        if parent is not None and not found:
            raise Refusal(422, "Validation Failed: parent_team_id is invalid")
        return found[0] if found else None

    def _check_nesting(self, team: Team) -> None:
        """Refuse a secret team in another, or with others in it; and a team in itself."""
        if team.privacy not in {"closed", "secret"}:
            raise Refusal(422, "Validation Failed: privacy")
        above = self.teams.get(team.parent or "")
        nested = above or any(child.parent == team.slug for child in self.teams.values())
        if nested and "secret" in {team.privacy, above.privacy if above else ""}:
            raise Refusal(422, "Validation Failed: secret teams cannot be nested")
        if any(one.slug == team.slug for one in self._ancestors(team)):
            raise Refusal(422, "Validation Failed: a team cannot be its own descendant")

    def _ancestors(self, team: Team) -> Iterator[Team]:
        """Yield the parent of a team, its parent, and so on: without an end if that is a circle."""
        while above := self.teams.get(team.parent or ""):
            yield above
            team = above
