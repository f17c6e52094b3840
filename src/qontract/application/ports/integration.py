"""Port: an integration, which brings an external system to a desired state."""

from abc import abstractmethod
from typing import Any, ClassVar, Protocol, TypeVar

from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import Action, DesiredState, Failure, Plan

Desired_contra = TypeVar("Desired_contra", contravariant=True)
State = TypeVar("State")
A = TypeVar("A", bound=Action)


class IntegrationError(Exception):
    """The system refused, or could not be reached. The message says what was asked, and has no secret in it."""


class RateLimitedError(IntegrationError):
    """The system has done nothing, and wants to be asked again after so many seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Integration(Protocol[Desired_contra, State, A]):
    """Reads and changes one kind of external system, and plans what a desired state means for it.

    - `name` is used in URLs, scopes and event types (`slack-usergroups`). `desired` is the model of a request, which
      has the scopes. `events` has the event class of each action, of Failure and of BlockedPlan.
    - `read` returns all that `plan` needs of one scope. The number of its calls does not depend on the desired state.
    - `plan` is pure. It compares by meaning: after its actions are applied, a new plan has none. It looks only at what
      is desired, or managed. No two of its actions are equal.
    - `apply` returns when the whole action is done. It makes only the calls that the action needs.
    - Creating what exists, or changing what does not exist, is refused.
    - `observed` is pure. It returns the part of an action that the state shows as applied; None if there is none.
    - An unknown scope, a refusal and a failing connection raise IntegrationError, and nothing else. RateLimitedError
      means that nothing of the action was done. If a rate limit comes in the middle of an action, `apply` waits.
    - `in_doubt_seconds`: after so long, a call whose answer was lost has either taken effect, or never will.
    - Methods may be called from any thread, and in a process forked from the one that made it.

    If a class has a pydantic model as its attribute `Settings`, it is called with an instance of it. The settings are
    read from `QAPI_<NAME>__…`, or from the group in its attribute `settings_group`. When files of settings change, a
    running process calls the class again, and closes the old integration when nobody uses it any more.
    """

    name: ClassVar[str]
    desired: ClassVar[type[DesiredState[Any]]]
    events: ClassVar[tuple[type[DomainEvent], ...]]
    in_doubt_seconds: float = 60

    @abstractmethod
    def read(self, scope: str) -> State:
        """Return the state of the scope."""

    @abstractmethod
    def plan(self, desired: Desired_contra, state: State) -> Plan[A]:
        """Return the plan: the actions that lead to the desired state."""

    @abstractmethod
    def apply(self, action: A) -> None:
        """Apply the action."""

    @abstractmethod
    def observed(self, action: A, state: State) -> A | None:
        """Return the part of the action that the state shows as applied."""

    def failure(self, failure: Failure) -> EventData:
        """Return the data of the event of a failure: by default the failure itself."""
        return failure

    def close(self) -> None:
        """Close connections. Reading and applying open them again."""
        return  # with an empty body, it would be abstract


AnyIntegration = Integration[Any, Any, Any]
