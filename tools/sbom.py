"""`python -m tools.sbom`: what a deployment has, as a CycloneDX document in JSON, of the versions installed here.

It has no time and no random number in it: the same versions make the same document.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DEPLOYED = ("github", "otel")
"""The extras that a deployment may have."""


def needed(extras: Iterable[str] = ()) -> dict[str, set[str]]:
    """Return every package that qontract needs with these extras, itself too, and what each of them needs."""
    needs: dict[str, set[str]] = {}
    known: set[tuple[str, str]] = set()
    waiting = [("qontract", extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in known:
            continue
        known.add((name, extra))
        mine = needs.setdefault(name, set())
        for requirement in _requirements(name, extra):
            other = canonicalize_name(requirement.name)
            mine |= {other} - {name}
            waiting += [(other, wanted) for wanted in ("", *requirement.extras)]
    return needs


def _requirements(name: str, extra: str) -> Iterator[Requirement]:
    """Give what a package needs on this machine, with an extra or without."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def document(needs: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return the document of these packages (CycloneDX 1.5)."""
    found = {name: distribution(name) for name in sorted(needs)}
    components = {name: _component(name, package) for name, package in found.items()}
    root = components.pop("qontract") | {"type": "application"}
    references = {name: component["bom-ref"] for name, component in components.items()} | {"qontract": root["bom-ref"]}
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": root},
        "components": list(components.values()),
        "dependencies": [
            {"ref": references[name], "dependsOn": sorted(references[other] for other in needs[name])} for name in found
        ],
    }
    return {"serialNumber": uuid5(NAMESPACE_URL, json.dumps(content)).urn} | content


def _component(name: str, package: Distribution) -> dict[str, Any]:
    url = f"pkg:pypi/{name}@{package.version}"
    component = {"type": "library", "bom-ref": url, "name": name, "version": package.version, "purl": url}
    licences = _licences(package)
    return component | ({"licenses": licences} if licences else {})


def _licences(package: Distribution) -> list[dict[str, Any]]:
    """Return the licence as the package says it: as an expression, or else in the words of its classifiers."""
    if expression := package.metadata.get_all("License-Expression"):
        return [{"expression": expression[0]}]
    classifiers = package.metadata.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License :: OSI Approved :: ")]
    texts = [text.partition("\n")[0][:100] for text in package.metadata.get_all("License") or []]
    return [{"license": {"name": name}} for name in named or texts]


def main() -> None:
    """Print the document."""
    try:
        print(json.dumps(document(needed(DEPLOYED)), indent=2))
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed: make setup")


if __name__ == "__main__":
    main()
