"""What packages of other people bring: integrations and event types, as if they were installed."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import BaseModel, Field, create_model

from qontract.application.ports.integration import AnyIntegration, Integration
from qontract.domain.events import DomainEvent
from qontract.domain.integration import DesiredState, Plan


class _Nothing(Integration[Any, None, Any]):
    events: ClassVar[tuple[type[DomainEvent], ...]] = ()

    def read(self, scope: str) -> None:
        return None

    def plan(self, desired: Any, state: None) -> Plan[Any]:
        return Plan([], 0)

    def apply(self, action: Any) -> None:
        return None

    def observed(self, action: Any, state: None) -> Any:
        return None


class _Desired(DesiredState[Any]):
    def scopes(self) -> Mapping[str, Any]:
        return {"one": self}


def outside_integration(name: str, *, module: str, **fields: Any) -> type[AnyIntegration]:
    """An integration of a package with this module; its models are called like qontract's own."""
    inner = create_model("DesiredWorkspace", __module__=module, title=(str, ...))
    fields = fields or {"things": (tuple[inner, ...], Field(max_length=3))}
    desired = create_model("DesiredState", __base__=_Desired, __module__=module, **fields)
    return cast("type[AnyIntegration]", type("Things", (_Nothing,), {"name": name, "desired": desired}))


def outside_data(name: str, *, module: str, **fields: Any) -> type[BaseModel]:
    """A model of a package with this module."""
    return create_model(name, __module__=module, **fields)


def outside_event(wire_name: str, data: Any = None, *, module: str = "acme.events") -> type[DomainEvent]:
    """An event type of a package with this module; it does not narrow its data if none is given."""
    fields: dict[str, Any] = {"type": (str, wire_name)} | ({} if data is None else {"data": (data, ...)})
    return create_model("Opened", __base__=DomainEvent, __module__=module, __doc__="Something was opened.", **fields)
