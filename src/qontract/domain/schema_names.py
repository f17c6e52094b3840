"""What the schemas of models are called in the documents that are published: OpenAPI's and AsyncAPI's."""

import re
from collections.abc import Collection
from itertools import count

from pydantic.json_schema import CoreModeRef, CoreRef, DefsRef, GenerateJsonSchema

REF_TEMPLATE = "#/components/schemas/{model}"
"""Where both documents have their schemas."""

_OURS = "qontract."
_NOT_AS_CLASSES = {"qontract.domain.integration.Failure": "ActionFailure"}
"""Another class of the name was published before."""


class SchemaNames:
    """Gives the models of one document their names; no two models have one, and none of qontract's ever moves.

    Those of qontract's modules are called as their classes, and first: give them before the others. Models of other
    packages have a prefix: each of them, or only one whose name another model has already.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)
        self._names: dict[str, str] = {}

    def generator(self, prefix: str, *, always: bool) -> type[GenerateJsonSchema]:
        """Return what generates schemas with these names; generating raises ValueError if two of qontract's clash."""
        names = self

        class Named(GenerateJsonSchema):
            def get_defs_ref(self, core_mode_ref: CoreModeRef) -> DefsRef:
                model, mode = core_mode_ref
                return super().get_defs_ref((CoreRef(names._of(model, prefix, always=always)), mode))

        return Named

    def _of(self, model: str, prefix: str, *, always: bool) -> str:
        """Return the name of a model by pydantic's name for it: module, class, and the identity of the class."""
        if model in self._names:
            return self._names[model]
        qualified = re.sub(r":\d+", "", model)
        short = _NOT_AS_CLASSES.get(qualified) or re.sub(r"(?:[^.\[\],]+\.)+", "", qualified)
        if qualified.startswith(_OURS):
            choices = [short]
        else:
            choices = [f"{prefix}{short}", qualified] if always else [short, f"{prefix}{short}", qualified]
        free = (name for name in map(_plain, choices) if name not in self._taken)
        name = next(free, None)
        if name is None and qualified.startswith(_OURS) and "[" not in qualified:
            raise ValueError(f"two schemas are called {short}; one of them is {qualified}: rename it")
        if name is None:
            name = next(numbered for n in count(2) if (numbered := _plain(f"{qualified}_{n}")) not in self._taken)
        self._taken.add(name)
        self._names[model] = name
        return name


def camel_case(name: str) -> str:
    """Return `acme-things`, or `com.acme.things`, as the beginning of a class's name."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def _plain(name: str) -> str:
    """Return the name in the characters that OpenAPI and AsyncAPI allow, but for the full stop."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")
