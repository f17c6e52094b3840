"""Domain events, and the catalogue of their types."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    SerializeAsAny,
    ValidationInfo,
    WithJsonSchema,
)


def _bytes(value: object) -> object:
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("not base64") from None


def _instead_of_data(value: bytes, info: ValidationInfo) -> bytes:
    if info.data.get("data") is not None:
        raise ValueError("give data or data_base64, not both")
    return value


BinaryData = Annotated[
    bytes,
    BeforeValidator(_bytes),
    AfterValidator(_instead_of_data),
    PlainSerializer(lambda value: b64encode(value).decode(), when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Bytes instead of the field `data`, which is validated before. In JSON they are base64 (RFC 4648, 4, strictly)."""

_types: dict[str, type["DomainEvent"]] = {}


class EventData(BaseModel):
    """The data of an event of a known type. Fields that a newer version has added are kept as they came."""

    model_config = ConfigDict(frozen=True, extra="allow")


class DomainEvent(BaseModel):
    """A fact: something happened to `subject`, and `data` says what.

    `id` and `time` are set when the event is made: if it is sent again, it is still the same event.

    This class stands for every type that has no class of its own: `data` is any JSON value, or None if there is no data
    or it is binary, in `data_base64`. A subclass gives `type` its wire name as a default, and narrows `data`; each
    field of that data names an example. The subclass is then in the catalogue.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    __slots__ = ("_order_key",)  # not a field: a copy may have other fields, and computes its own
    if TYPE_CHECKING:
        _order_key: str

    type: str = Field(min_length=1)
    data: JsonValue | SerializeAsAny[EventData] = None
    data_base64: BinaryData | None = Field(
        default=None, description="The data itself, if it is no JSON; not its base64"
    )
    datacontenttype: str | None = Field(default="application/json", min_length=1)
    dataschema: str | None = Field(default=None, min_length=1)
    subject: str | None = Field(default=None, min_length=1)
    source: str | None = Field(default=None, min_length=1, description="None: the source that the settings name")
    id: str = Field(default_factory=lambda: str(uuid4()), min_length=1)
    time: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str | None = Field(default=None, min_length=1, description="The request that caused it")
    extensions: dict[str, str | int | bool] = Field(default_factory=dict, description="Further context attributes")

    @property
    def order_key(self) -> str:
        """The order key: events that have the same one are handled in order.

        It is made of the extension `partitionkey`; or else of source, type without its last part, and subject. It is an
        opaque text: different parts never give the same key.
        """
        try:
            return self._order_key
        except AttributeError:
            return self._make_order_key()

    def with_order_key(self) -> Self:
        """Compute the order key now, and return this event: for an event whose key is asked often."""
        object.__setattr__(self, "_order_key", self._make_order_key())
        return self

    def _make_order_key(self) -> str:
        partition = self.extensions.get("partitionkey")
        if partition and isinstance(partition, str):
            return f"={partition}"
        source, kind = self.source or "", self.type.rpartition(".")[0]
        return f"{len(source)},{len(kind)}:{source}{kind}{self.subject or ''}"  # begins with a digit

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Add the subclass to the catalogue.

        Raises:
            TypeError: it names no type, or the type of another class.
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


def wire_name(event_type: type[DomainEvent]) -> str:
    """Return the type that events of this class have."""
    return str(event_type.model_fields["type"].default)


def catalogue() -> Mapping[str, type[DomainEvent]]:
    """Return the classes of event types, by wire name: those of this package, and of all packages imported so far."""
    _import_every_module_of_this_package()
    return MappingProxyType(_types)


@cache
def _import_every_module_of_this_package() -> None:
    for module in iter_modules(import_module(__package__).__path__, f"{__package__}."):
        import_module(module.name)


def read_event(text: str | bytes) -> DomainEvent:
    """Return the event from its `model_dump_json`: of its class or, if that refuses it, a plain DomainEvent.

    Raises ValueError.
    """
    known = catalogue().get(json.loads(text).get("type"), DomainEvent)
    try:
        return known.model_validate_json(text)
    except Exception:  # noqa: BLE001 - another version wrote it, and an author's class may raise anything
        return DomainEvent.model_validate_json(text)


def type_pattern(*types: str) -> re.Pattern[str]:
    """Return the pattern that fully matches these event types; `*` in them stands for any text."""
    return re.compile("|".join(map(_glob, types)), re.DOTALL)


def _glob(wanted: str) -> str:
    """Return the pattern of one type. A text between two `*` is matched where it is first found: no backtracking."""
    first, *between = map(re.escape, wanted.split("*"))
    if not between:
        return first
    return first + "".join(f"(?>.*?{text})" for text in between[:-1]) + ".*" + between[-1]
