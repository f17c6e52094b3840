"""Domain events, and the catalogue of their types."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, SerializeAsAny

_types: dict[str, type["DomainEvent"]] = {}


class EventData(BaseModel):
    """What an event of a known type says. Fields that a newer version added are kept as they came."""

    model_config = ConfigDict(frozen=True, extra="allow")


class DomainEvent(BaseModel):
    """A fact: something happened to `subject`, and `data`, always an object, says what.

    `id` and `time` are born with the fact, so that sending it again cannot make a second one.

    The class itself stands for any type without a class of its own. A subclass gives `type` a default, its wire name,
    and narrows `data`; each field of that data names an example. Nothing else is needed to make it known.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    type: str = Field(min_length=1)
    data: dict[str, JsonValue] | SerializeAsAny[EventData]
    subject: str | None = Field(default=None, min_length=1)
    source: str | None = Field(default=None, min_length=1, description="None: the source that the settings name")
    id: str = Field(default_factory=lambda: str(uuid4()), min_length=1)
    time: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str | None = Field(default=None, min_length=1, description="The request that caused it")
    extensions: dict[str, str | int | bool] = Field(default_factory=dict, description="Further context attributes")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Enter the subclass in the catalogue.

        Raises:
            TypeError: it names no type, or one that another class has.
        """
        super().__pydantic_init_subclass__(**kwargs)
        wire_name = cls.model_fields["type"].default
        if not isinstance(wire_name, str):
            raise TypeError(f"{cls.__qualname__}: give the field `type` its wire name as a default")
        known = _types.setdefault(wire_name, cls)
        if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
            raise TypeError(
                f"{cls.__qualname__}: {known.__module__}.{known.__qualname__} is the event type {wire_name!r}"
            )


def catalogue() -> Mapping[str, type[DomainEvent]]:
    """Every event type that has a class, by wire name: this package's, and those of what else was imported."""
    _import_every_module_of_this_package()
    return MappingProxyType(_types)


@cache
def _import_every_module_of_this_package() -> None:
    for module in iter_modules(import_module(__package__).__path__, f"{__package__}."):
        import_module(module.name)


def read_event(text: str | bytes) -> DomainEvent:
    """Return the event whose `model_dump_json` this is, as its class or, if that refuses it, as a DomainEvent.

    Raises ValueError.
    """
    known = catalogue().get(json.loads(text).get("type"), DomainEvent)
    try:
        return known.model_validate_json(text)
    except ValueError:  # written by another version
        return DomainEvent.model_validate_json(text)


def type_pattern(*types: str) -> re.Pattern[str]:
    """Return what an event type has to match in full to be one of these; in them, `*` stands for any text."""
    return re.compile("|".join(re.escape(wanted).replace(r"\*", ".*") for wanted in types), re.DOTALL)
