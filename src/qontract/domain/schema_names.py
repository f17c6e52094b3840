"""The names of schemas in the published documents, OpenAPI and AsyncAPI."""

import re
from collections.abc import Collection
from itertools import count

from pydantic.json_schema import CoreModeRef, CoreRef, DefsRef, GenerateJsonSchema

REF_TEMPLATE = "#/components/schemas/{model}"
"""The place of schemas in both documents."""

_OURS = "qontract."


class SchemaNames:
    """Gives each model of one document its own name. The names of qontract's models never change.

    qontract's models have the names of their classes: generate their schemas first. Models of other packages get a
    prefix: always, or only if the name is taken.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)
        self._names: dict[str, str] = {}

    def generator(self, prefix: str, *, always: bool) -> type[GenerateJsonSchema]:
        """Return a generator of schemas with these names. It raises ValueError if two of qontract's models clash."""
        names = self

        class Named(GenerateJsonSchema):
            def get_defs_ref(self, core_mode_ref: CoreModeRef) -> DefsRef:
                model, mode = core_mode_ref
                return super().get_defs_ref((CoreRef(names._of(model, prefix, always=always)), mode))

        return Named

    def _of(self, model: str, prefix: str, *, always: bool) -> str:
        """Return the name of a model. `model` is pydantic's name: module, class, and the identity of the class."""
        if model in self._names:
            return self._names[model]
        qualified = re.sub(r":\d+", "", model)
        short = re.sub(r"(?:[^.\[\],]+\.)+", "", qualified)
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
    """Return the name with only those characters that OpenAPI and AsyncAPI allow, and no full stop."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")
