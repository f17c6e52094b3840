"""Who runs which suite: each port has one, and each of its adapters, and whatever else stands for one, runs it."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules, walk_packages

import pytest

import qontract
from qontract.application import ports
from tests.support.paths import ROOT

WITHOUT = {
    "EventLogConnection": "it has one adapter, and its methods have tests of their own: test_retention, test_measures"
}
"""The ports without a suite, and why."""


@cache
def classes_below(*folders: str) -> dict[str, set[str]]:
    """Return the classes in the files of these folders, and the names of their bases."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    found = [node for file in files for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef)]
    return {node.name: {base.id for base in node.bases if isinstance(base, ast.Name)} for node in found}


def suites() -> dict[str, set[str]]:
    return classes_below("src/qontract/testing/contracts", "tests/contracts")


def classes_of_tests() -> dict[str, set[str]]:
    return classes_below("tests/unit", "tests/integration")


def port_of(module: str) -> type:
    """Return the port that a file has: the class of the same name."""
    name = "".join(part.title() for part in module.split("_"))
    port: type = getattr(import_module(f"{ports.__name__}.{module}"), name)
    return port


PORTS = [port_of(module.name) for module in iter_modules(ports.__path__)]


def below(port: type) -> Iterator[type]:
    """Yield the classes of qontract that stand for the port, and can be made."""
    mine: list[type] = port.__subclasses__()
    for one in mine:
        yield from below(one)
        if one.__module__.startswith("qontract.") and not inspect.isabstract(one) and one not in PORTS:
            yield one


def pairs() -> list[tuple[type, type]]:
    """Return each port with each class that stands for it."""
    for module in walk_packages(qontract.__path__, "qontract."):
        if module.name.startswith(("qontract.adapters.", "qontract.application.")):
            import_module(module.name)
    found = {(port, one) for port in PORTS for one in below(port)}
    return sorted(found, key=lambda pair: (pair[0].__name__, pair[1].__name__))


def runs(test: str, suite: str) -> bool:
    """Say whether a class of tests has the suite among its bases."""
    bases = classes_of_tests().get(test, set()) | suites().get(test, set())
    return suite in bases or any(runs(base, suite) for base in bases)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_each_port_has_a_suite_or_a_reason_to_have_none(port: type) -> None:
    assert (f"{port.__name__}Contract" in suites()) != (port.__name__ in WITHOUT)


@pytest.mark.parametrize(
    ("port", "adapter"), [pytest.param(*pair, id=f"{pair[0].__name__}-{pair[1].__name__}") for pair in pairs()]
)
def test_each_adapter_runs_the_suite_of_its_port(port: type, adapter: type) -> None:
    """In a class of tests whose name is the adapter's, or begins with it."""
    mine = [test for test in classes_of_tests() if test.startswith(f"Test{adapter.__name__}")]
    if port.__name__ not in WITHOUT:
        assert any(runs(test, f"{port.__name__}Contract") for test in mine), mine


def test_the_page_about_the_architecture_has_a_row_for_each_port() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)`.* \| .* \| .* \|$", (ROOT / "docs/architecture.md").read_text())
    assert sorted(rows) == sorted(port.__name__ for port in PORTS)
