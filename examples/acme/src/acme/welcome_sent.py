"""An event type of Acme's own."""

from typing import Literal

from pydantic import AliasChoices, Field

from qontract import DomainEvent, EventData


class SentWelcome(EventData):
    """Who was welcomed to which list."""

    address: str = Field(examples=["carol@acme.example"], validation_alias=AliasChoices("address", "recipient"))
    mailing_list: str = Field(examples=["acme.example/news"])
    language: str = Field(default="en", examples=["en"])  # since 1.1: readers of older events get the default


class WelcomeSent(DomainEvent):
    """A new member of a mailing list was welcomed."""

    type: Literal["com.acme.welcome.sent"] = "com.acme.welcome.sent"
    data: SentWelcome
