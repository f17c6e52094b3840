"""GitHub teams inside each other: which parents, privacies and deletions GitHub can have, and in which order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from qontract.domain.github_desired_state import DesiredOrganisation, DesiredTeam
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, Privacy, slug_of


class Wanted(NamedTuple):
    """A desired team, and the one that is there, if there is one."""

    desired: DesiredTeam
    team: GithubTeam | None

    @property
    def slug(self) -> str:
        """The slug that it has, or will have."""
        return self.team.slug if self.team else self.desired.slug


class Place(NamedTuple):
    """What GitHub asks of nesting: the privacy of a team, and the slug of its parent."""

    privacy: Privacy
    parent: str | None


class Nesting(NamedTuple):
    """Where teams will be: `places` by slug.

    `steps`: desired teams that can be as desired, and teams to delete, in an order in which GitHub takes each of them.
    `errors`: why others cannot, by slug.
    """

    places: Mapping[str, Place]
    steps: Sequence[Wanted | GithubTeam]
    errors: Mapping[str, str]


def nesting(desired: DesiredOrganisation, current: GithubOrganisation) -> Nesting:
    """Return what can be done; what cannot stays as it is, and what relies on it does too.

    A team is made, or moved, after the parent that it gets. One that is deleted, or becomes secret, waits for all that
    is in it to have left.
    """
    there = {team.slug: Place(team.privacy, team.parent) for team in current.teams}
    wanted = {found.slug: found for found in (Wanted(team, current.team(team.name)) for team in desired.teams)}
    deleted = {team.slug for team in map(current.team, desired.delete_teams) if team and team.slug not in wanted}
    settable = dict(wanted)
    errors: dict[str, str] = {}
    while True:
        places = {slug: place for slug, place in there.items() if slug not in deleted}
        places |= {slug: _place(found, current) for slug, found in settable.items()}
        refused = {slug: reason for slug in settable if (reason := _objection(slug, settable[slug], places))}
        if not refused:
            children = {place.parent: slug for slug, place in places.items()}
            refused = {slug: f"not deleted, for {children[slug]!r} is in it" for slug in deleted if slug in children}
        if not refused:
            break
        errors |= refused
        deleted -= refused.keys()
        settable = {slug: found for slug, found in settable.items() if slug not in refused}
    teams = current.by_slug()
    leaving = [found for found in settable.values() if _becomes_secret(found, places)]
    first = sorted(
        (found for found in settable.values() if found not in leaving), key=lambda found: _depth(found.slug, places)
    )
    last: list[Wanted | GithubTeam] = [*leaving, *(teams[slug] for slug in deleted)]
    last.sort(key=lambda step: _depth(step.slug, there), reverse=True)
    return Nesting(places, (*first, *last), errors)


def _place(wanted: Wanted, current: GithubOrganisation) -> Place:
    desired, team = wanted
    privacy = desired.privacy or (team.privacy if team else "closed")
    if desired.parent is None:
        return Place(privacy, team.parent if team else None)
    parent = current.team(desired.parent) if desired.parent else None
    return Place(privacy, parent.slug if parent else slug_of(desired.parent) or None)


def _objection(slug: str, wanted: Wanted, places: Mapping[str, Place]) -> str | None:
    """Return why GitHub could not have the team there."""
    place = places[slug]
    parent = wanted.desired.parent or place.parent
    if place.parent and place.parent not in places:
        return f"no team {parent!r} is there to be its parent"
    if place.parent and place.privacy == "secret":
        return f"it is secret, and a secret team has no parent, not even {parent!r}"
    if place.parent and places[place.parent].privacy == "secret":
        return f"its parent {parent!r} is secret, and a secret team has no children"
    if place.privacy == "secret" and any(other.parent == slug for other in places.values()):
        return "it has children, and a secret team has none"
    return "it would be above itself: its parents form a cycle" if slug in _above(slug, places) else None


def _above(slug: str, places: Mapping[str, Place]) -> Iterator[str]:
    """Give the slugs of its parent, of the parent's parent, and so on; in a cycle, each of them once."""
    seen: set[str] = set()
    place = places.get(slug)
    while place and place.parent and place.parent not in seen:
        seen.add(place.parent)
        yield place.parent
        place = places.get(place.parent)


def _becomes_secret(wanted: Wanted, places: Mapping[str, Place]) -> bool:
    return bool(wanted.team and wanted.team.privacy != places[wanted.slug].privacy == "secret")


def _depth(slug: str, places: Mapping[str, Place]) -> tuple[int, str]:
    """Return how many teams are above it, and then its slug, to order by."""
    return len(list(_above(slug, places))), slug
