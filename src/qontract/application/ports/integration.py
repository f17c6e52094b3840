"""Port: an external system that is brought to a desired state."""

from abc import abstractmethod
from typing import Any, ClassVar, Protocol, TypeVar

from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import Action, DesiredState, Failure, Plan

Desired_contra = TypeVar("Desired_contra", contravariant=True)
State = TypeVar("State")
A = TypeVar("A", bound=Action)


class IntegrationError(Exception):
    """The system refused, or could not be reached. The message says what was asked and why not, and has no secret."""


class RateLimitedError(IntegrationError):
    """The system wants to be asked again after so many seconds; nothing of what was asked has been done."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Integration(Protocol[Desired_contra, State, A]):
    """Knows one kind of external system: how it is read and changed, and what a desired state means for it.

    - `name` is the integration's in URLs, scopes and event types (`slack-usergroups`); `desired` is the model of a
      request, which says its scopes. `events` has the type of each action's event, of Failure's and of BlockedPlan's.
    - `read` returns all that `plan` needs of one scope, in a number of calls that does not depend on what is desired.
    - `plan` is pure. It compares by meaning: planned again after its actions were applied, it has none. It looks only
      at what is desired, or managed. No two of its actions are equal.
    - `apply` returns when the whole action is done. It makes only the calls that the action needs.
    - What is there already is not created, and what is not there is not changed: both are refused.
    - `observed` is pure: the part of an action that was applied, as the state shows it; None if it shows nothing of it.
    - An unknown scope, a refusal and a failing connection raise IntegrationError, and nothing else. RateLimitedError
      means that nothing of the action was done; a rate limit in the midst of one is waited for.
    - `in_doubt_seconds`: after so long, a call whose answer was lost has been carried out, or will not be.
    - Methods may be called from any thread, and in a process forked from the one that made it.

    A class may have a pydantic model as its attribute `Settings`: it is then called with these settings, which are
    read from `QAPI_<NAME>__…`, or from the group that its attribute `settings_group` names. When their files change, it
    is called again, in a process that runs; the one before is closed when nobody uses it any more.
    """

    name: ClassVar[str]
    desired: ClassVar[type[DesiredState[Any]]]
    events: ClassVar[tuple[type[DomainEvent], ...]]
    in_doubt_seconds: float = 60

    @abstractmethod
    def read(self, scope: str) -> State:
        """Return the scope as it is."""

    @abstractmethod
    def plan(self, desired: Desired_contra, state: State) -> Plan[A]:
        """Return what to do."""

    @abstractmethod
    def apply(self, action: A) -> None:
        """Do what the action says."""

    @abstractmethod
    def observed(self, action: A, state: State) -> A | None:
        """Return the action as far as the state shows that it was applied."""

    def failure(self, failure: Failure) -> EventData:
        """Return what the event of a failure says: the failure itself, unless an integration has its own form."""
        return failure

    def close(self) -> None:
        """Close what is open; reading and applying open it again."""
        return  # with an empty body, it would be abstract
