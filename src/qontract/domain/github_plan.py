"""GitHub teams: the plan from what is there to what is desired, and what shows of an action that was applied."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from qontract.domain.github_desired_state import DesiredOrganisation, DesiredTeam
from qontract.domain.github_nesting import Nesting, Place, Wanted, nesting
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, by_login, plain_login
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam
from qontract.domain.integration import Plan

Role = Literal["member", "maintainer"]


class _Person(NamedTuple):
    login: str
    role: Role | None
    """None: he is invited, and GitHub does not say as what."""


def plan(desired: DesiredOrganisation, current: GithubOrganisation) -> Plan[TeamAction]:
    """Compare by meaning, and return what to do. Only desired and managed teams, and those to delete, are looked at.

    Who is not in the organisation, nor invited to it, is an error unless `invite` says otherwise, and the rest of his
    team is planned without him. Where nobody of a team is known, its members are left as they are.
    """
    possible = nesting(desired, current)
    actions: list[TeamAction] = []
    errors = [f"{desired.name}/{slug}: {reason}" for slug, reason in possible.errors.items()]
    for wanted in possible.settable:
        people, unknown = _people(desired, wanted, current)
        errors += [f"{desired.name}/{wanted.slug}: {login!r} is not in the organisation" for login in unknown]
        actions += _bring(desired.name, wanted, people, possible, current)
    for wanted in _otherwise_wanted(desired, current, possible):
        people, unknown = _people(desired, wanted, current)
        errors += [f"{desired.name}/{wanted.slug}: {login!r} is not in the organisation" for login in unknown]
        actions += _update_members(desired.name, wanted, people, current)
    teams = current.by_slug()
    actions += [_delete(desired.name, teams[slug]) for slug in possible.deletable]
    return Plan(actions, sum(len(team.logins()) for team in current.teams), errors)


def _otherwise_wanted(desired: DesiredOrganisation, current: GithubOrganisation, possible: Nesting) -> Iterator[Wanted]:
    """Give the teams that are there of which only members are changed: those that cannot be set, or are not desired."""
    done = {wanted.slug for wanted in possible.settable} | {*possible.deletable}
    managed = (DesiredTeam(name=name, members=()) for name in desired.managed_teams or ())
    for team in (*desired.teams, *managed):
        there = current.team(team.name)
        if there and there.slug not in done:
            done.add(there.slug)
            yield Wanted(team, there)


def _people(
    desired: DesiredOrganisation, wanted: Wanted, current: GithubOrganisation
) -> tuple[dict[str, _Person], list[str]]:
    """Return who is to be in the team, by how logins are compared; and who cannot be, for nobody knows him."""
    there = current.logins() | (wanted.team.logins() if wanted.team else {})
    owners = by_login(current.owners)
    people: dict[str, _Person] = {}
    unknown: list[str] = []
    roles: list[tuple[str, Role]] = [(login, "member") for login in wanted.desired.members]
    roles += [(login, "maintainer") for login in wanted.desired.maintainers]
    for login, role in roles:
        key = plain_login(login)
        if key in there or desired.invite:
            people[key] = _Person(there.get(key, login), "maintainer" if key in owners else role)
        else:
            unknown.append(login)
    if unknown and not people and wanted.team:
        return _before(wanted.team), unknown
    return dict(sorted(people.items())), unknown


def _before(team: GithubTeam) -> dict[str, _Person]:
    people = {key: _Person(login, "member") for key, login in by_login(team.members).items()}
    people |= {key: _Person(login, "maintainer") for key, login in by_login(team.maintainers).items()}
    return people | {key: _Person(login, None) for key, login in by_login(team.invited).items() if key not in people}


def _bring(
    organisation: str,
    wanted: Wanted,
    people: Mapping[str, _Person],
    possible: Nesting,
    current: GithubOrganisation,
) -> list[TeamAction]:
    """Return what makes the team, or changes its settings and then its members."""
    place = possible.places[wanted.slug]
    teams = current.by_slug()
    parent = teams[place.parent].name if place.parent in teams else wanted.desired.parent or None
    if wanted.team is None:
        return [
            CreateTeam(
                organisation=organisation,
                team=wanted.desired.name,
                slug=wanted.slug,
                description=wanted.desired.description or "",
                privacy=place.privacy,
                parent=parent,
                parent_slug=place.parent,
                members=_logins(people, "member"),
                maintainers=_logins(people, "maintainer"),
                invited=_strangers(people, current),
            )
        ]
    updates = _update_members(organisation, wanted, people, current)
    return [*_update_team(organisation, wanted, wanted.team, place, parent), *updates]


def _update_team(
    organisation: str, wanted: Wanted, team: GithubTeam, place: Place, parent: str | None
) -> list[TeamAction]:
    before = team.description.strip()
    description = before if wanted.desired.description is None else wanted.desired.description
    if (description, place) == (before, Place(team.privacy, team.parent)):
        return []
    return [
        UpdateTeam(
            organisation=organisation,
            team=team.name,
            slug=team.slug,
            description=description,
            privacy=place.privacy,
            parent=parent,
            parent_slug=place.parent,
            description_before=before,
            privacy_before=team.privacy,
            parent_slug_before=team.parent,
        )
    ]


def _update_members(
    organisation: str, wanted: Wanted, people: Mapping[str, _Person], current: GithubOrganisation
) -> list[TeamAction]:
    """Return what gives a team that is there these people; nothing if it has them."""
    if wanted.team is None:
        return []
    before = _before(wanted.team)
    added = {key: person for key, person in people.items() if key not in before}
    changed = [
        person for key, person in people.items() if key in before and before[key].role not in {None, person.role}
    ]
    removed = tuple(person.login for key, person in before.items() if key not in people)
    if not (added or changed or removed):
        return []
    return [
        UpdateMembers(
            organisation=organisation,
            team=wanted.team.name,
            slug=wanted.team.slug,
            members=_logins(people, "member"),
            maintainers=_logins(people, "maintainer"),
            added=tuple(person.login for person in added.values()),
            removed=removed,
            promoted=tuple(person.login for person in changed if person.role == "maintainer"),
            demoted=tuple(person.login for person in changed if person.role == "member"),
            invited=_strangers(added, current),
        )
    ]


def _delete(organisation: str, team: GithubTeam) -> DeleteTeam:
    members = tuple(by_login((*team.members, *team.invited)).values())
    return DeleteTeam(
        organisation=organisation, team=team.name, slug=team.slug, members=members, maintainers=team.maintainers
    )


def _logins(people: Mapping[str, _Person], role: Role) -> tuple[str, ...]:
    return tuple(person.login for person in people.values() if person.role == role)


def _strangers(people: Mapping[str, _Person], current: GithubOrganisation) -> tuple[str, ...]:
    there = current.logins()
    return tuple(person.login for key, person in people.items() if key not in there)
