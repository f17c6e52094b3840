"""GitHub teams inside each other: which parents, privacies and deletions GitHub allows, and in which order."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from qontract.domain.github_desired_state import DesiredOrganisation, DesiredTeam
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, Privacy, slug_of


class TeamMatch(NamedTuple):
    """A desired team, and the team on GitHub that it means; None if there is none yet."""

    desired: DesiredTeam
    team: GithubTeam | None

    @property
    def slug(self) -> str:
        """The slug that it has, or will have."""
        return self.team.slug if self.team else self.desired.slug


class Placement(NamedTuple):
    """The privacy of a team, and the slug of its parent: GitHub's rules of nesting are about these two."""

    privacy: Privacy
    parent: str | None


_Placements = Mapping[str, Placement]
"""By the slug of the team."""


class Nesting(NamedTuple):
    """The teams after all steps: `placements`, by slug.

    `steps`: the desired teams that GitHub allows, and the teams to delete, in an order in which GitHub accepts each.
    `errors`: why GitHub does not allow the others, by slug.
    """

    placements: Mapping[str, Placement]
    steps: Sequence[TeamMatch | GithubTeam]
    errors: Mapping[str, str]


def nesting(desired: DesiredOrganisation, current: GithubOrganisation) -> Nesting:
    """Return what GitHub allows. A team that it does not allow stays as it is, and so does a team that relies on it.

    A team is created, or moved, after its new parent. It is deleted, or becomes secret, after its children have left.
    """
    before = {team.slug: Placement(team.privacy, team.parent) for team in current.teams}
    possible = {match.slug: match for match in (TeamMatch(team, current.team(team.name)) for team in desired.teams)}
    deleted = {team.slug for team in map(current.team, desired.delete_teams) if team and team.slug not in possible}
    errors: dict[str, str] = {}
    while True:
        after = {slug: placement for slug, placement in before.items() if slug not in deleted}
        after |= {slug: _placement(match, current) for slug, match in possible.items()}
        refused = _objections(possible, after) or _objections_to_deleting(deleted, after)
        if not refused:
            return Nesting(
                after, _steps(possible, [current.by_slug()[slug] for slug in deleted], before, after), errors
            )
        errors |= refused
        deleted -= refused.keys()
        possible = {slug: match for slug, match in possible.items() if slug not in refused}


def _steps(
    possible: Mapping[str, TeamMatch], deleted: Sequence[GithubTeam], before: _Placements, after: _Placements
) -> Sequence[TeamMatch | GithubTeam]:
    """Return the steps in order: a parent before its new children, and children before the parent that they leave."""
    becoming_secret = [match for match in possible.values() if _becomes_secret(match, after)]
    others = [match for match in possible.values() if match not in becoming_secret]
    last: list[TeamMatch | GithubTeam] = [*becoming_secret, *deleted]
    return (
        *sorted(others, key=lambda match: _depth(match.slug, after)),
        *sorted(last, key=lambda step: _depth(step.slug, before), reverse=True),
    )


def _objections(possible: Mapping[str, TeamMatch], after: _Placements) -> dict[str, str]:
    return {slug: reason for slug, match in possible.items() if (reason := _objection(slug, match, after))}


def _objections_to_deleting(deleted: Collection[str], after: _Placements) -> dict[str, str]:
    children = {placement.parent: slug for slug, placement in after.items()}
    return {slug: f"not deleted, for {children[slug]!r} is in it" for slug in deleted if slug in children}


def _placement(match: TeamMatch, current: GithubOrganisation) -> Placement:
    desired, team = match
    privacy = desired.privacy or (team.privacy if team else "closed")
    if desired.parent is None:
        return Placement(privacy, team.parent if team else None)
    parent = current.team(desired.parent) if desired.parent else None
    return Placement(privacy, parent.slug if parent else slug_of(desired.parent) or None)


def _objection(slug: str, match: TeamMatch, placements: _Placements) -> str | None:
    """Return why GitHub does not allow this placement of the team; None if it does."""
    placement = placements[slug]
    parent = match.desired.parent or placement.parent
    if placement.parent and placement.parent not in placements:
        return f"no team {parent!r} is there to be its parent"
    if placement.parent and placement.privacy == "secret":
        return f"it is secret, and a secret team has no parent, not even {parent!r}"
    if placement.parent and placements[placement.parent].privacy == "secret":
        return f"its parent {parent!r} is secret, and a secret team has no children"
    if placement.privacy == "secret" and any(other.parent == slug for other in placements.values()):
        return "it has children, and a secret team has none"
    return "it would be above itself: its parents form a cycle" if slug in _above(slug, placements) else None


def _above(slug: str, placements: _Placements) -> Iterator[str]:
    """Yield the slugs of its parent, of the parent's parent, and so on; in a cycle, each of them once."""
    seen: set[str] = set()
    placement = placements.get(slug)
    while placement and placement.parent and placement.parent not in seen:
        seen.add(placement.parent)
        yield placement.parent
        placement = placements.get(placement.parent)


def _becomes_secret(match: TeamMatch, placements: _Placements) -> bool:
    return bool(match.team and match.team.privacy != placements[match.slug].privacy == "secret")


def _depth(slug: str, placements: _Placements) -> tuple[int, str]:
    """Return a key to sort by: how many teams are above it, then its slug."""
    return len(list(_above(slug, placements))), slug
