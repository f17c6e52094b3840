"""The wire form: CloudEvents 1.0 in structured JSON mode.

Rules: CloudEvents specification 1.0.2 (context attributes, type system) and its JSON event format 1.0.2.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

CONTENT_TYPE = "application/cloudevents+json"

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_URI_REFERENCE = re.compile(r"(?:[\w\-.~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+", re.ASCII)
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+\s*(;.*)?", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _string(text: str) -> str:
    if _FORBIDDEN.search(text):
        raise ValueError("a character in it is forbidden in CloudEvents")
    return text


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"not {what}")
        return text

    return AfterValidator(check)


def _timestamp(value: object) -> object:
    if isinstance(value, datetime) or value is None or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("not an RFC 3339 timestamp")


_String = Annotated[str, Field(min_length=1), AfterValidator(_string)]
_Source = Annotated[_String, _matching(_URI_REFERENCE, "a URI reference (RFC 3986)")]
_Schema = Annotated[_String, _matching(_ABSOLUTE_URI, "an absolute URI")]
_MediaType = Annotated[_String, _matching(_MEDIA_TYPE, "a media type (RFC 2046)")]
_Time = Annotated[AwareDatetime, BeforeValidator(_timestamp), AfterValidator(lambda time: time.astimezone(UTC))]


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
    data_base64: Base64Bytes | None = None

    @model_validator(mode="after")
    def _extensions_are_valid(self) -> Self:
        for name, value in self.extensions.items():
            if not _EXTENSION_NAME.fullmatch(name):
                raise ValueError(f"extension attribute {name!r}: use lower-case ASCII letters and digits")
            if isinstance(value, str):
                _string(value)
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
        return event if "time" in event.model_fields_set else event.model_copy(update={"time": None})
