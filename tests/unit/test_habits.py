"""What a contributor finds: pages, forms and files for a forge. They can be read, and what they name is there."""

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT
from tools.docs_site import BESIDE, with_links

FORGE = sorted((ROOT / ".github").rglob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
YAML = [*FORGE, ROOT / ".pre-commit-config.yaml", ROOT / "mkdocs.yml"]
NAME_COMMANDS = [
    *FORGE,
    *ROOT.glob("*.md"),
    *(ROOT / ".github").glob("*.md"),
    ROOT / ".ci" / "run",
    *ROOT.glob("docs/**/*.md"),
]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("file", YAML, ids=name)
def test_it_is_yaml(file: Path) -> None:
    assert isinstance(read(file), dict)


@pytest.mark.parametrize("file", NAME_COMMANDS, ids=name)
def test_each_make_that_it_names_is_in_the_makefile(file: Path) -> None:
    start = "^" if file.name == "run" else "`|^ {4}|run: "
    said = re.findall(rf"(?:{start})make(?: [A-Z]+=\S+)* ([a-z]+)", file.read_text(), re.MULTILINE)
    assert set(said) <= TARGETS


def test_each_target_is_phony_and_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()) == TARGETS  # type: ignore[index]
    assert set(re.findall(r"^([a-z]+):.* ## [A-Z]", makefile, re.MULTILINE)) == TARGETS


def test_the_forge_runs_what_ci_runs_over_the_supported_versions_of_python() -> None:
    jobs = read(ROOT / ".github/workflows/checks.yml")["jobs"]
    commands = [step["run"] for step in jobs["checks"]["steps"] if "run" in step]
    assert commands == re.findall(r"^make .*", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert jobs["checks"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text()


def test_the_forge_gives_its_jobs_no_right_but_to_read_and_runs_pinned_actions() -> None:
    workflow = read(ROOT / ".github/workflows/checks.yml")
    assert workflow["permissions"] == {"contents": "read"}
    steps = list(chain(*(job["steps"] for job in workflow["jobs"].values())))
    actions = [step["uses"] for step in steps if "uses" in step]
    assert actions
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []


@pytest.mark.parametrize("form", [form for form in FORMS if form.stem != "config"], ids=name)
def test_a_form_has_what_a_forge_needs_of_it(form: Path) -> None:
    found = read(form)
    assert {"name", "description", "body"} <= found.keys()
    asked = [part for part in found["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in asked if part["type"] != "checkboxes")
    ids = [part["id"] for part in asked]
    assert len(ids) == len(set(ids))


def test_the_hooks_of_a_commit_and_a_push_are_those_of_make_lint_and_need_no_network() -> None:
    config = read(ROOT / ".pre-commit-config.yaml")
    [repository] = config["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    tools = {" ".join(hook["entry"].split()[:2]).removesuffix(" --force-exclude") for hook in repository["hooks"]}
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    linted = {found.replace("$(BIN)", ".venv/bin").replace(" --check", "") for found in re.findall(r"\t(.*)", lint)}
    assert tools == linted


def test_the_contributing_page_names_files_that_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`([\w./-]+/|[\w./-]+\.(?:py|md|toml|lock))`", page)
    shapes = {"things.py", "test_things.py", "NAME.py"}
    paths = [path for path in named if not any(shape in path for shape in shapes) and "NAME" not in path]
    ours = ("", "application", "adapters", "adapters/redis", "entrypoints", "testing")
    tests = (ROOT / "tests/integration" / folder for folder in ("", "docs", "project"))
    places = [ROOT, *tests, *(ROOT / "src/qontract" / room for room in ours)]
    assert len(paths) > 30
    assert [path for path in paths if not any((place / path).exists() for place in places)] == []


def pages(part: Any) -> list[str]:
    """Return what a part of the navigation leads to."""
    if isinstance(part, str):
        return [part]
    inner = part.values() if isinstance(part, dict) else part
    return [page for each in inner for page in pages(each)]


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    there = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(pages(read(ROOT / "mkdocs.yml")["nav"])) == sorted(there | set(BESIDE.values()))


def test_the_site_names_no_font_and_no_script_of_another_host() -> None:
    config = read(ROOT / "mkdocs.yml")
    assert config["theme"]["font"] is False
    assert {"search", "offline"} <= set(config["plugins"])
    assert all((ROOT / "docs" / script).exists() for script in config["extra"]["polyfills"])


@pytest.mark.parametrize(
    ("page", "there", "in_the_site"),
    [
        ("index.md", "[events](docs/events.md#read-them-in-python)", "[events](events.md#read-them-in-python)"),
        ("index.md", "![a plan](docs/demo.svg)", "![a plan](demo.svg)"),
        ("index.md", "[decisions](docs/decisions/)", "[decisions](decisions/README.md)"),
        ("index.md", "[Licence](LICENSE)", "Licence"),
        (
            "extend/index.md",
            "[examples/acme](../../examples/acme) and [x](handler.md)",
            "examples/acme and [x](handler.md)",
        ),
        ("extend/handler.md", "[its policy](../subscriptions.md#a)", "[its policy](../subscriptions.md#a)"),
        ("three-in-the-morning.md", "[changes](../CHANGELOG.md)", "[changes](changelog.md)"),
        (
            "events.md",
            "[spec](https://example.org/a.md), [here](#there)",
            "[spec](https://example.org/a.md), [here](#there)",
        ),
    ],
)
def test_a_link_leads_to_a_page_of_the_site_or_is_its_text(page: str, there: str, in_the_site: str) -> None:
    assert with_links(there, page) == in_the_site
