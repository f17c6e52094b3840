"""What commands refuse before they ask anybody."""

import pytest
from typer.testing import CliRunner

from qontract.entrypoints import cli


@pytest.mark.parametrize("command", ["redrive", "discard", "list"])
@pytest.mark.parametrize("group", ["", "--yes"])
def test_what_can_be_no_group_is_refused(command: str, group: str) -> None:
    done = CliRunner().invoke(cli.app, ["dead-letters", command, "--group", group])
    assert done.exit_code == 2
    assert "no group: give an id that" in done.stderr


@pytest.mark.parametrize("name", ["", " "])
def test_why_of_nothing_is_refused(name: str) -> None:
    done = CliRunner().invoke(cli.app, ["why", name])
    assert done.exit_code == 2
    assert "it is empty" in done.stderr
