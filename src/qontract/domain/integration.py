"""What every integration has: a desired state, actions, a plan, and failures."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from qontract.domain.attribute_text import AttributeText
from qontract.domain.events import DomainEvent, EventData

D = TypeVar("D")
"""The desired state of one scope: a workspace, an organisation."""

_NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]+$"


class DesiredState(BaseModel, Generic[D]):
    """A request to reconcile: the fields of a subclass, and these. A dry run plans, and changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: bool = Field(default=True, strict=True)
    reason: Annotated[AttributeText, StringConstraints(min_length=1, max_length=1000, pattern=_NO_CONTROL)] | None = (
        Field(default=None, description="Why: it is in the job, the log and every event")
    )
    accept_plan: Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[0-9a-f.]*$")] | None = Field(
        default=None, description="The `plan_digest` of a plan that a guard stopped, to have just that plan applied"
    )

    @abstractmethod
    def scopes(self) -> Mapping[str, D]:
        """Return the desired state of each scope, by name. Two jobs that share a scope do not run at the same time."""


class Action(EventData):
    """One change of the external system. When it is applied, it becomes the data of its event.

    A subclass gives `action_type` a default, `Literal["create"] = "create"`, and each field an example.
    """

    action_type: str

    @property
    @abstractmethod
    def subject(self) -> str:
        """The thing that it changes: `coreos/team-a`. It is the subject of the event."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What changes, in one line for people: old and new."""

    @property
    def removes(self) -> Sequence[str]:
        """Whom it removes, by the name that people know: one entry for each membership that ends."""
        return ()

    @property
    def creates(self) -> bool:
        """Whether it creates its subject. If it fails, later actions that need this subject are not tried."""
        return False

    @property
    def needs(self) -> Sequence[str]:
        """Other subjects that have to exist first: the parent of a team."""
        return ()

    def shown(self) -> dict[str, JsonValue]:
        """Return the action as a job's result shows it: its fields, subject, summary, `creates` and `removes`."""
        about = {"subject": self.subject, "summary": self.summary}
        return self.model_dump(mode="json") | about | {"creates": self.creates, "removes": list(self.removes)}


A = TypeVar("A", bound=Action)


@dataclass(frozen=True)
class Plan(Generic[A]):
    """The actions that bring a scope to its desired state, in order; and an error for each part that they cannot reach.

    `memberships` is how many the scope has now, in all: the guards compare removals with it. If there are many errors,
    the plan has the first ones, and `errors_left_out` says how many more there are.
    """

    actions: Sequence[A]
    memberships: int
    errors: Sequence[str] = ()
    errors_left_out: int = 0

    @cached_property
    def digest(self) -> str:
        """A hash of the actions: two plans have the same digest only if their actions are the same."""
        texts = [action.model_dump_json() for action in self.actions]
        return sha256("\n".join(texts).encode()).hexdigest()[:32]

    @property
    def removes(self) -> int:
        """How many memberships the plan ends."""
        return sum(len(action.removes) for action in self.actions)


class Failure(EventData):
    """What failed, and why. Without an `action_type`, the whole scope failed."""

    scope: str = Field(examples=["acme"])
    subject: str = Field(examples=["acme/team-a"])
    action_type: str | None = Field(default=None, examples=["create"])
    error: str = Field(examples=["the system refused it: no such team"])


class BlockedPlan(EventData):
    """A plan that a guard stopped. A request with its digest as `accept_plan` applies it."""

    scope: str = Field(examples=["acme"])
    reason: str = Field(examples=["it would end 92 of 226 memberships, and more than 25 % are not let pass"])
    plan_digest: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015"])
    removes: int = Field(examples=[92])
    memberships: int = Field(examples=[226])
    actions: tuple[dict[str, JsonValue], ...] = Field(
        examples=[({"action_type": "update_users", "subject": "acme/team-a", "summary": "-bob"},)]
    )


def quoted(text: str | None) -> str:
    """Return the text in quotation marks; "" if there is none."""
    return f"“{text}”" if text else ""


def refuse_repeated(what: str, names: Iterable[tuple[str, str]]) -> None:
    """Raise ValueError if two names have the same key. `names` are pairs of a key and a name."""
    seen: dict[str, str] = {}
    for key, name in names:
        if key in seen:
            raise ValueError(f"{what} {name!r} is given more than once" + (f": as {seen[key]!r}" * (name != seen[key])))
        seen[key] = name


def event_of_action(events: Sequence[type[DomainEvent]], data: EventData, **attributes: Any) -> DomainEvent:
    """Return an event with this data, of the class among `events` whose `data` has this type.

    Raises LookupError if there is no such class.
    """
    for event_type in events:
        if event_type.model_fields["data"].annotation is type(data):
            return event_type(data=data, **attributes)
    raise LookupError(f"no event type has {type(data).__qualname__} as its data; name it in `events`")
