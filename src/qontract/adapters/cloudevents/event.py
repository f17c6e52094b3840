"""The wire form: CloudEvents 1.0 in structured JSON mode.

Rules: CloudEvents specification 1.0.2 (context attributes, type system) and its JSON event format 1.0.2.
"""

import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Encoder,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EncodedBytes,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    TypeAdapter,
    model_validator,
)
from pydantic_core import core_schema

CONTENT_TYPE = "application/cloudevents+json"

# In the syntax of Rust's regex: pydantic matches these without a call into Python. A lone surrogate, forbidden too,
# is in no string that pydantic takes.
_PLANES = range(0, 0x110000, 0x10000)
_NONCHARACTERS = "".join(rf"\x{{{plane | last:x}}}" for plane in _PLANES for last in (0xFFFE, 0xFFFF))
_ALLOWED = rf"^[^\x00-\x1f\x7f-\x9f\x{{fdd0}}-\x{{fdef}}{_NONCHARACTERS}]*$"
_URI_REFERENCE = r"^(?:[A-Za-z0-9_\-.~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$"
_ABSOLUTE_URI = r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+$"
_MEDIA_TYPE = r"^[A-Za-z0-9_!#$&^.+\-]+/[A-Za-z0-9_!#$&^.+\-]+\s*(;.*)?$"
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _matching(pattern: str, problem: str) -> GetPydanticSchema:
    def schema(source: Any, inner: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        matching = core_schema.chain_schema([inner(source), core_schema.str_schema(pattern=pattern)])
        return core_schema.custom_error_schema(matching, "cloudevents", custom_error_message=problem)

    return GetPydanticSchema(schema)


def _timestamp(value: object) -> object:
    if isinstance(value, datetime) or value is None or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("not an RFC 3339 timestamp")


def _utc(time: datetime) -> datetime:
    if not time.utcoffset():
        return time
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("before the year 1 or after the year 9999 in UTC") from None


class _StrictBase64(Base64Encoder):
    """Base64 (RFC 4648, 4). What is not in its alphabet is refused; pydantic leaves it out."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        return b64decode(data, validate=True)


_Text = Annotated[str, _matching(_ALLOWED, "a character in it is forbidden in CloudEvents")]
_String = Annotated[_Text, Field(min_length=1)]
_Source = Annotated[_String, _matching(_URI_REFERENCE, "not a URI reference (RFC 3986)")]
_Schema = Annotated[_String, _matching(_ABSOLUTE_URI, "not an absolute URI")]
_MediaType = Annotated[_String, _matching(_MEDIA_TYPE, "not a media type (RFC 2046)")]
_TEXT: TypeAdapter[str] = TypeAdapter(_Text)
_Time = Annotated[AwareDatetime, BeforeValidator(_timestamp), AfterValidator(_utc)]


class Event(BaseModel):
    """A CloudEvent. `id` and `time` are filled in; attributes that are not named here are extension attributes.

    Raises pydantic's ValidationError, a ValueError, for what the specification refuses.
    """

    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="strings")

    specversion: Literal["1.0"] = "1.0"
    type: _String
    source: _Source
    id: _String = Field(default_factory=lambda: str(uuid4()))
    time: _Time | None = Field(default_factory=lambda: datetime.now(UTC))
    subject: _String | None = None
    datacontenttype: _MediaType | None = "application/json"
    dataschema: _Schema | None = None
    data: Any = None
    data_base64: Annotated[bytes, EncodedBytes(encoder=_StrictBase64)] | None = None

    @model_validator(mode="after")
    def _extensions_are_valid(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if value is None:
                continue
            if not _EXTENSION_NAME.fullmatch(name):
                raise ValueError(f"extension attribute {name!r}: use lower-case ASCII letters and digits")
            if isinstance(value, str):
                _TEXT.validate_python(value)
            elif not isinstance(value, int) or not -(2**31) <= value < 2**31:
                raise ValueError(f"extension attribute {name!r}: use a string, a boolean or a 32-bit integer")
        if self.data is not None and self.data_base64 is not None:
            raise ValueError("give data or data_base64, not both")
        return self

    @property
    def extensions(self) -> dict[str, Any]:
        """The extension attributes; one that is null is absent (JSON format, 2.2)."""
        return {name: value for name, value in (self.model_extra or {}).items() if value is not None}

    def to_json(self) -> bytes:
        """Return the event in the JSON format, without the attributes that it does not have."""
        absent = {name for name, value in self if value is None}
        return self.model_dump_json(exclude=absent).encode()

    @classmethod
    def from_json(cls, raw: bytes | str) -> Self:
        """Read an event in the JSON format, and invent nothing that is not in it. Raises ValueError."""
        event = cls.model_validate_json(raw)
        missing = {"specversion", "id"} - event.model_fields_set
        if missing:
            raise ValueError(f"not a CloudEvent: {' and '.join(sorted(missing))} missing")
        absent = {"time", "datacontenttype"} - event.model_fields_set
        return event.model_copy(update=dict.fromkeys(absent)) if absent else event
