"""GitHub teams: the plan that leads from what is there to what is desired."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from qontract.domain.github_desired_state import DesiredOrganisation, DesiredTeam
from qontract.domain.github_nesting import Nesting, Placement, TeamMatch, nesting
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, by_login, plain_login
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam
from qontract.domain.integration import Plan
from qontract.domain.jobs import first_errors

Role = Literal["member", "maintainer"]


class _Person(NamedTuple):
    login: str
    role: Role | None
    """None for somebody who is invited: GitHub does not say in which role."""


class _Known(NamedTuple):
    """Everybody in an organisation or invited to it, and its owners, by the form in which logins are compared."""

    everybody: Mapping[str, str]
    owners: Mapping[str, str]


def plan(desired: DesiredOrganisation, current: GithubOrganisation) -> Plan[TeamAction]:
    """Return what to do for the teams that are desired, managed, or to be deleted. Names are compared by meaning.

    Without `invite`, a person who is neither in the organisation nor invited to it is an error, and the team is planned
    without this person. If nobody of a team is known, the plan leaves its members as they are.
    """
    known = _Known(current.logins(), by_login(current.owners))
    names = {team.slug: team.name for team in current.teams}
    possible = nesting(desired, current)
    actions: list[TeamAction] = []
    errors, left_out = first_errors(f"{desired.name}/{slug}: {reason}" for slug, reason in possible.errors.items())
    for step in (*possible.steps, *_others(desired, current, possible)):
        if isinstance(step, GithubTeam):
            actions.append(_delete(desired.name, step))
            continue
        people, unknown = _people(step, known, invite=desired.invite)
        sentences = [f"{desired.name}/{step.slug}: {login!r} is not in the organisation" for login in unknown]
        errors, more = first_errors((*errors, *sentences))
        left_out += more
        placement = possible.placements[step.slug]
        parent = names.get(placement.parent or "", step.desired.parent or None)
        if step.team is None:
            actions.append(_create(desired.name, step, placement, parent, people=people, known=known))
        else:
            actions += _update_team(desired.name, step.desired, step.team, placement, parent)
            actions += _update_members(desired.name, step.team, people, known)
    return Plan(actions, sum(len(team.logins()) for team in current.teams), sorted(errors), left_out)


def _others(desired: DesiredOrganisation, current: GithubOrganisation, possible: Nesting) -> Iterator[TeamMatch]:
    """Yield the teams whose members alone change: GitHub does not allow their settings, or they are only managed."""
    done = {step.slug for step in possible.steps}
    named = [(team.name, team.members, team.maintainers) for team in desired.teams]
    named += [(name, (), ()) for name in desired.managed_teams or ()]
    for name, members, maintainers in named:
        there = current.team(name)
        if there and there.slug not in done:
            done.add(there.slug)
            yield TeamMatch(DesiredTeam(name=name, members=members, maintainers=maintainers), there)


def _people(match: TeamMatch, known: _Known, *, invite: bool) -> tuple[dict[str, _Person], list[str]]:
    """Return who is to be in the team, by the form in which logins are compared; and the logins that are not known."""
    before = _before(match.team) if match.team else {}
    people: dict[str, _Person] = {}
    unknown: list[str] = []
    roles: list[tuple[str, Role]] = [(login, "member") for login in match.desired.members]
    roles += [(login, "maintainer") for login in match.desired.maintainers]
    for login, role in roles:
        key = plain_login(login)
        if key in known.everybody or key in before or invite:
            name = before[key].login if key in before else known.everybody.get(key, login)
            people[key] = _Person(name, "maintainer" if key in known.owners else role)
        else:
            unknown.append(login)
    return before if unknown and not people else dict(sorted(people.items())), unknown


def _before(team: GithubTeam) -> dict[str, _Person]:
    people = {key: _Person(login, "member") for key, login in by_login(team.members).items()}
    people |= {key: _Person(login, "maintainer") for key, login in by_login(team.maintainers).items()}
    return people | {key: _Person(login, None) for key, login in by_login(team.invited).items() if key not in people}


def _create(
    organisation: str,
    match: TeamMatch,
    placement: Placement,
    parent: str | None,
    *,
    people: Mapping[str, _Person],
    known: _Known,
) -> CreateTeam:
    return CreateTeam(
        organisation=organisation,
        team=match.desired.name,
        slug=match.slug,
        description=match.desired.description or "",
        privacy=placement.privacy,
        parent=parent,
        parent_slug=placement.parent,
        members=_logins(people, "member"),
        maintainers=_logins(people, "maintainer"),
        invited=_not_in_organisation(people, known),
    )


def _update_team(
    organisation: str, desired: DesiredTeam, team: GithubTeam, placement: Placement, parent: str | None
) -> list[TeamAction]:
    """Return the action that gives the team its settings, if they differ."""
    before = team.description.strip()
    description = before if desired.description is None else desired.description
    if (description, placement) == (before, Placement(team.privacy, team.parent)):
        return []
    return [
        UpdateTeam(
            organisation=organisation,
            team=team.name,
            slug=team.slug,
            description=description,
            privacy=placement.privacy,
            parent=parent,
            parent_slug=placement.parent,
            description_before=before,
            privacy_before=team.privacy,
            parent_slug_before=team.parent,
        )
    ]


def _update_members(
    organisation: str, team: GithubTeam, people: Mapping[str, _Person], known: _Known
) -> list[TeamAction]:
    """Return the action that gives the team these people, if they differ."""
    before = _before(team)
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
            team=team.name,
            slug=team.slug,
            members=_logins(people, "member"),
            maintainers=_logins(people, "maintainer"),
            added=tuple(person.login for person in added.values()),
            removed=removed,
            promoted=tuple(person.login for person in changed if person.role == "maintainer"),
            demoted=tuple(person.login for person in changed if person.role == "member"),
            invited=_not_in_organisation(added, known),
        )
    ]


def _delete(organisation: str, team: GithubTeam) -> DeleteTeam:
    members = tuple(by_login((*team.members, *team.invited)).values())
    return DeleteTeam(
        organisation=organisation, team=team.name, slug=team.slug, members=members, maintainers=team.maintainers
    )


def _logins(people: Mapping[str, _Person], role: Role) -> tuple[str, ...]:
    return tuple(person.login for person in people.values() if person.role == role)


def _not_in_organisation(people: Mapping[str, _Person], known: _Known) -> tuple[str, ...]:
    return tuple(person.login for key, person in people.items() if key not in known.everybody)
