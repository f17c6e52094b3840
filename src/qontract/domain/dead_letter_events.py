"""The events that are published when people redrive or discard dead letters."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qontract.domain.events import DomainEvent, EventData


class Letter(BaseModel):
    """A dead letter: its id, the entry of its event in the stream, and the event's own id, if it has one."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(examples=["1769851802000-0"])
    entry: str = Field(examples=["1769851800123-0"])
    event_id: str | None = Field(examples=["5f0cf2a7-94a2-4a2f-8f26-5d1a7b3f6c11"])


class ChangedLetters(EventData):
    """Up to 100 letters of one subscription and one cause, which one person changed together."""

    subscription: str = Field(examples=["audit-log"])
    group: str = Field(examples=["5ec8c97c2d"])
    cause: str = Field(examples=["ValueError at acme.crm.Crm.handle:31"])
    by: str = Field(examples=["alice@ops-1"])
    letters: tuple[Letter, ...] = Field(
        examples=[({"id": "1769851802000-0", "entry": "1769851800123-0", "event_id": None},)]
    )


class DeadLettersRedriven(DomainEvent):
    """Dead letters were redriven: their subscription reads the events again."""

    type: Literal["qontract-api.dead-letters.redriven"] = "qontract-api.dead-letters.redriven"
    data: ChangedLetters


class DeadLettersDiscarded(DomainEvent):
    """Dead letters were removed for good."""

    type: Literal["qontract-api.dead-letters.discarded"] = "qontract-api.dead-letters.discarded"
    data: ChangedLetters
