"""The desired state of GitHub teams, as a request has it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from qontract.domain.github_organisation import Privacy, by_login, plain_login, slug_of
from qontract.domain.integration import DesiredState, refuse_repeated


def _login(text: str) -> str:
    return text.strip().removeprefix("@")


def _each_login_once(logins: tuple[str, ...]) -> tuple[str, ...]:
    return _first_of_each(logins, plain_login)


def _first_of_each(names: Iterable[str], key: Callable[[str], str]) -> tuple[str, ...]:
    """Return the names without those that mean the same as an earlier one."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(key(name), name)
    return tuple(first.values())


def _with_slug(name: str) -> str:
    if not slug_of(name):
        raise ValueError("has no letter or digit that GitHub could make a slug from")
    return name


def _each_team_once(names: tuple[str, ...]) -> tuple[str, ...]:
    return _first_of_each(names, slug_of)


_Login = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_login),
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$"),
]
_Logins = Annotated[tuple[_Login, ...], Field(max_length=10_000, fail_fast=True), AfterValidator(_each_login_once)]
OrganisationName = Annotated[
    str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", max_length=100)
]
# Control characters are refused: CloudEvents forbids them in a subject, and nobody means them.
TeamName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"),
    AfterValidator(_with_slug),
]
_TeamNames = Annotated[tuple[TeamName, ...], Field(max_length=20_000, fail_fast=True), AfterValidator(_each_team_once)]
_Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")
]
_NoParent = Annotated[str, StringConstraints(max_length=0)]


class DesiredTeam(BaseModel):
    """A team as it should be. None leaves a field as it is on GitHub; a new team is closed by default.

    `parent` is the name of a team, or "" for none. Order, repetition, `@` and letter case of logins mean nothing. A
    team without members and maintainers is emptied. An owner of the organisation is always a maintainer: GitHub has it
    so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: TeamName
    description: _Description | None = None
    privacy: Privacy | None = None
    parent: TeamName | _NoParent | None = None
    members: _Logins
    maintainers: _Logins = ()

    @property
    def slug(self) -> str:
        """The slug that GitHub makes from the name. To GitHub, two teams with one slug are the same."""
        return slug_of(self.name)

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        both = by_login(self.members).keys() & by_login(self.maintainers).keys()
        if both:
            raise ValueError(f"team {self.name!r}: {', '.join(sorted(both))} cannot be both member and maintainer")
        return self

    @model_validator(mode="after")
    def _secret_teams_are_not_nested(self) -> Self:
        if self.parent and self.privacy == "secret":
            raise ValueError(f"team {self.name!r} is secret, and a secret team has no parent")
        return self


class DesiredOrganisation(BaseModel):
    """The teams of one organisation. Teams in `managed_teams` that are not desired (any more) are emptied.

    Teams in `delete_teams` are deleted if they are there. With `invite`, people who are not in the organisation are
    invited to it; without, they are reported as errors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: OrganisationName
    teams: Annotated[tuple[DesiredTeam, ...], Field(max_length=20_000, fail_fast=True)]
    managed_teams: _TeamNames | None = None
    delete_teams: _TeamNames = ()
    invite: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _each_team_once(self) -> Self:
        refuse_repeated("team", ((team.slug, team.name) for team in self.teams))
        return self

    @model_validator(mode="after")
    def _desired_teams_are_not_deleted(self) -> Self:
        desired = {team.slug for team in self.teams}
        for name in self.delete_teams:
            if slug_of(name) in desired:
                raise ValueError(f"team {name!r} is desired, and cannot be among delete_teams")
        return self

    @model_validator(mode="after")
    def _parents_fit(self) -> Self:
        teams = {team.slug: team for team in self.teams}
        for team in self.teams:
            parent = teams.get(slug_of(team.parent or ""))
            if parent and parent.privacy == "secret":
                raise ValueError(f"team {team.name!r} cannot be in {parent.name!r}, for a secret team has no children")
            above = {team.slug}
            while parent:
                if parent.slug in above:
                    raise ValueError(f"team {team.name!r} would be above itself: its parents form a cycle")
                above.add(parent.slug)
                parent = teams.get(slug_of(parent.parent or ""))
        return self


class DesiredTeams(DesiredState[DesiredOrganisation]):
    """The teams of some organisations. A dry run, the default, plans and changes nothing."""

    organisations: Annotated[tuple[DesiredOrganisation, ...], Field(min_length=1, max_length=100, fail_fast=True)]

    @model_validator(mode="after")
    def _each_organisation_once(self) -> Self:
        refuse_repeated("organisation", ((organisation.name, organisation.name) for organisation in self.organisations))
        return self

    def scopes(self) -> Mapping[str, DesiredOrganisation]:
        """Return the organisations by name."""
        return {organisation.name: organisation for organisation in self.organisations}
