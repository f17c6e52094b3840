"""GitHub teams: the actions on them, and the events of applied actions."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from qontract.domain.events import DomainEvent
from qontract.domain.github_organisation import Privacy
from qontract.domain.integration import Action, BlockedPlan, Failure, quoted


class _OnTeam(Action):
    organisation: str = Field(examples=["acme"])
    team: str = Field(examples=["Team A"])
    slug: str = Field(examples=["team-a"])

    @property
    def subject(self) -> str:
        """The team, by its slug, in its organisation."""
        return f"{self.organisation}/{self.slug}"


class CreateTeam(_OnTeam):
    """Create a team with its settings, members and maintainers. Those in `invited` are not in the organisation yet."""

    action_type: Literal["create"] = "create"
    description: str = Field(examples=["The people of team A"])
    privacy: Privacy = Field(examples=["closed"])
    parent: str | None = Field(default=None, examples=["Everybody"])
    parent_slug: str | None = Field(default=None, examples=["everybody"])
    members: tuple[str, ...] = Field(examples=[("alice", "bob")])
    maintainers: tuple[str, ...] = Field(examples=[("carol",)])
    invited: tuple[str, ...] = Field(default=(), examples=[("bob",)])

    @property
    def summary(self) -> str:
        """The settings and people of the new team."""
        settings = (self.privacy, quoted(self.description), f"in {self.parent}" if self.parent else "")
        return " ".join(filter(None, (*settings, *_added(self, (*self.members, *self.maintainers)))))

    @property
    def creates(self) -> bool:
        """True: it creates its subject."""
        return True

    @property
    def needs(self) -> tuple[str, ...]:
        """The parent."""
        return (f"{self.organisation}/{self.parent_slug}",) if self.parent_slug else ()


class UpdateTeam(_OnTeam):
    """Give a team this description, privacy and parent."""

    action_type: Literal["update_team"] = "update_team"
    description: str = Field(examples=["The people of team A"])
    privacy: Privacy = Field(examples=["closed"])
    parent: str | None = Field(default=None, examples=["Everybody"])
    parent_slug: str | None = Field(default=None, examples=["everybody"])
    description_before: str = Field(examples=["Team A"])
    privacy_before: Privacy = Field(examples=["secret"])
    parent_slug_before: str | None = Field(default=None, examples=["old-parent"])

    @property
    def summary(self) -> str:
        """The old and the new settings, as far as they differ."""
        parts = []
        if self.description != self.description_before:
            parts.append(f"{quoted(self.description_before)} → {quoted(self.description)}".strip())
        if self.privacy != self.privacy_before:
            parts.append(f"{self.privacy_before} → {self.privacy}")
        if self.parent_slug != self.parent_slug_before:
            parts.append(f"parent {self.parent_slug_before or 'none'} → {self.parent_slug or 'none'}")
        return ", ".join(parts)

    @property
    def needs(self) -> tuple[str, ...]:
        """The parent."""
        return (f"{self.organisation}/{self.parent_slug}",) if self.parent_slug else ()


class UpdateMembers(_OnTeam):
    """Give a team exactly these members and maintainers. The other lists have the differences.

    Those of `added` who are in `invited` are not in the organisation yet. People in `promoted` and `demoted` stay in
    the team.
    """

    action_type: Literal["update_members"] = "update_members"
    members: tuple[str, ...] = Field(examples=[("alice", "bob")])
    maintainers: tuple[str, ...] = Field(examples=[("carol",)])
    added: tuple[str, ...] = Field(examples=[("bob",)])
    removed: tuple[str, ...] = Field(examples=[("dave",)])
    promoted: tuple[str, ...] = Field(default=(), examples=[("carol",)])
    demoted: tuple[str, ...] = Field(default=(), examples=[("alice",)])
    invited: tuple[str, ...] = Field(default=(), examples=[("bob",)])

    @property
    def summary(self) -> str:
        """Who is added and removed, and whose role changes."""
        roles = [f"{login}: member → maintainer" for login in self.promoted]
        roles += [f"{login}: maintainer → member" for login in self.demoted]
        changes = " ".join((*_added(self, self.added), *(f"-{login}" for login in self.removed)))
        return ", ".join(filter(None, (changes, *roles)))

    @property
    def removes(self) -> tuple[str, ...]:
        """Whom it removes."""
        return self.removed


class DeleteTeam(_OnTeam):
    """Delete a team. `members` and `maintainers` are those that it had."""

    action_type: Literal["delete"] = "delete"
    members: tuple[str, ...] = Field(examples=[("alice", "bob")])
    maintainers: tuple[str, ...] = Field(examples=[("carol",)])

    @property
    def summary(self) -> str:
        """Everybody in the team, as removed."""
        return " ".join(("deleted:", *(f"-{login}" for login in self.removes))) if self.removes else "deleted, empty"

    @property
    def removes(self) -> tuple[str, ...]:
        """Everybody in the team."""
        return (*self.members, *self.maintainers)


TeamAction = CreateTeam | UpdateTeam | UpdateMembers | DeleteTeam


def _added(action: CreateTeam | UpdateMembers, logins: Iterable[str]) -> list[str]:
    """Return the texts for people who are added, members first."""
    shown = []
    for login in logins:
        notes = (("maintainer", login in action.maintainers), ("invited", login in action.invited))
        said = ", ".join(note for note, holds in notes if holds)
        shown.append(f"+{login} ({said})" if said else f"+{login}")
    return shown


class TeamCreated(DomainEvent):
    """A team was created, with its settings, members and maintainers."""

    type: Literal["qontract-api.github-teams.create"] = "qontract-api.github-teams.create"
    data: CreateTeam


class TeamUpdated(DomainEvent):
    """The description, the privacy or the parent of a team was changed."""

    type: Literal["qontract-api.github-teams.update_team"] = "qontract-api.github-teams.update_team"
    data: UpdateTeam


class TeamMembersUpdated(DomainEvent):
    """The members or maintainers of a team were changed."""

    type: Literal["qontract-api.github-teams.update_members"] = "qontract-api.github-teams.update_members"
    data: UpdateMembers


class TeamDeleted(DomainEvent):
    """A team was deleted."""

    type: Literal["qontract-api.github-teams.delete"] = "qontract-api.github-teams.delete"
    data: DeleteTeam


class TeamFailed(DomainEvent):
    """An action on a team, or the reading of an organisation, failed."""

    type: Literal["qontract-api.github-teams.error"] = "qontract-api.github-teams.error"
    data: Failure


class TeamsBlocked(DomainEvent):
    """A guard stopped the plan of an organisation: nothing of it was applied."""

    type: Literal["qontract-api.github-teams.blocked"] = "qontract-api.github-teams.blocked"
    data: BlockedPlan
