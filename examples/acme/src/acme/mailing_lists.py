"""Mailing lists: what is desired, what can be done, its events, and the plan. Nothing here reaches outside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from qontract import Action, BlockedPlan, DesiredState, DomainEvent, Failure, Plan

Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Address = Annotated[str, StringConstraints(to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Members = Annotated[tuple[Address, ...], AfterValidator(lambda members: tuple(sorted(set(members))))]


class DesiredLists(DesiredState[Mapping[str, Members]]):
    """The lists of some domains, and their members. A list that is not named stays as it is."""

    domains: dict[Name, dict[Name, Members]] = Field(
        min_length=1, examples=[{"acme.example": {"news": ["alice@acme.example"]}}]
    )

    def scopes(self) -> Mapping[str, Mapping[str, Members]]:
        """Return the lists of each domain."""
        return self.domains


@dataclass(frozen=True)
class Domain:
    """A domain as it is: the members of each list, in any letter case and order."""

    name: str
    lists: Mapping[str, tuple[str, ...]]

    def members(self, name: str) -> set[str]:
        """Return the members of a list, as addresses are compared."""
        return {address.lower() for address in self.lists[name]}


class ListAction(Action):
    """What is done to one list."""

    domain: str = Field(examples=["acme.example"])
    name: str = Field(examples=["news"])

    @property
    def subject(self) -> str:
        """The list, in its domain."""
        return f"{self.domain}/{self.name}"


class CreateList(ListAction):
    """Make a list with its members."""

    action_type: Literal["create"] = "create"
    members: tuple[str, ...] = Field(examples=[("alice@acme.example", "bob@acme.example")])

    @property
    def summary(self) -> str:
        """Whom it begins with."""
        return " ".join(f"+{member}" for member in self.members) or "without members"

    @property
    def creates(self) -> bool:
        """Whether it makes its subject: it does."""
        return True


class UpdateMembers(ListAction):
    """Give a list exactly these members."""

    action_type: Literal["update_members"] = "update_members"
    members: tuple[str, ...] = Field(examples=[("alice@acme.example", "carol@acme.example")])
    added: tuple[str, ...] = Field(examples=[("carol@acme.example",)])
    removed: tuple[str, ...] = Field(examples=[("bob@acme.example",)])

    @property
    def summary(self) -> str:
        """Who is added and who is removed."""
        return " ".join((*(f"+{member}" for member in self.added), *(f"-{member}" for member in self.removed)))

    @property
    def removes(self) -> tuple[str, ...]:
        """Whom it removes."""
        return self.removed


class ListCreated(DomainEvent):
    """A mailing list was created, with its members."""

    type: Literal["qontract-api.mailing-lists.create"] = "qontract-api.mailing-lists.create"
    data: CreateList


class ListMembersUpdated(DomainEvent):
    """The members of a mailing list were changed."""

    type: Literal["qontract-api.mailing-lists.update_members"] = "qontract-api.mailing-lists.update_members"
    data: UpdateMembers


class ListFailed(DomainEvent):
    """An action on a mailing list, or the reading of a domain, failed."""

    type: Literal["qontract-api.mailing-lists.error"] = "qontract-api.mailing-lists.error"
    data: Failure


class ListsBlocked(DomainEvent):
    """A guard stopped the plan of a domain: nothing of it was applied."""

    type: Literal["qontract-api.mailing-lists.blocked"] = "qontract-api.mailing-lists.blocked"
    data: BlockedPlan


def plan(desired: Mapping[str, Members], domain: Domain) -> Plan[CreateList | UpdateMembers]:
    """Compare members by meaning, and return what to do."""
    memberships = sum(len(domain.members(name)) for name in domain.lists)
    return Plan(tuple(_actions(desired, domain)), memberships)


def _actions(desired: Mapping[str, Members], domain: Domain) -> Iterator[CreateList | UpdateMembers]:
    for name, members in desired.items():
        if name not in domain.lists:
            yield CreateList(domain=domain.name, name=name, members=members)
            continue
        wanted, there = set(members), domain.members(name)
        if wanted != there:
            added, removed = tuple(sorted(wanted - there)), tuple(sorted(there - wanted))
            yield UpdateMembers(domain=domain.name, name=name, members=members, added=added, removed=removed)


def observed(action: CreateList | UpdateMembers, domain: Domain) -> CreateList | UpdateMembers | None:
    """Return the action if the domain shows that it was applied: the post office does all of it or nothing."""
    if action.name not in domain.lists:
        return None
    if isinstance(action, CreateList):
        return action.model_copy(update={"members": tuple(sorted(domain.members(action.name)))})
    return action if domain.members(action.name) == set(action.members) else None
