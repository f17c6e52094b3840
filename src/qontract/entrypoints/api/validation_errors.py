"""What is wrong with a body: without what only follows from something else, and with what may be meant."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

_MAX_NAME_LENGTH = 100

Location = tuple[int | str, ...]
Found = Mapping[str, Any]
"""An error of pydantic: its `type`, its `loc`, its `msg`."""


def described(errors: Sequence[Found], model: type[BaseModel], most: int) -> list[dict[str, Any]]:
    """Return the `loc` and `msg` of so many of the errors that validating with the model has found."""
    schema: dict[str, Any] = {}
    shown = []
    for error in islice(causes(errors), most):
        if error["type"] == "extra_forbidden" and not schema:
            schema = _schema(model)
        hint = _hint(error["loc"], schema) if error["type"] == "extra_forbidden" else ""
        shown.append({"loc": error["loc"], "msg": f"{error['msg']}{hint}"})
    return shown


def causes(errors: Iterable[Found]) -> Iterator[Found]:
    """Yield the errors but for those that follow from others: a list is counted without the items that are wrong."""
    known = list(errors)
    around = {error["loc"][:depth] for error in known for depth in range(len(error["loc"]))}
    return (error for error in known if not (error["type"] == "too_short" and error["loc"] in around))


def _hint(location: Location, schema: Mapping[str, Any]) -> str:
    """Return which name may be meant, if one that is not known is like it."""
    *path, name = location
    near = get_close_matches(str(name), names_at(path, schema), n=1) if len(str(name)) <= _MAX_NAME_LENGTH else []
    return f"; did you mean {near[0]}?" if near else ""


def names_at(path: Iterable[int | str], schema: Mapping[str, Any]) -> Collection[str]:
    """Return the names that the JSON schema knows at this place; none where it does not lead there."""
    here: Any = schema
    for part in [*path, None]:
        while "$ref" in here:
            here = schema["$defs"][here["$ref"].rpartition("/")[2]]
        if part is not None:
            here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
        if not isinstance(here, dict):
            return ()
    return tuple(here.get("properties", ()))


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    try:
        return model.model_json_schema()
    except PydanticUserError:  # a type of somebody else's, which has none
        return {}
