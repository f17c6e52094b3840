"""What is the same for all commands."""

from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from qontract.entrypoints import cli


def test_the_version_is_said() -> None:
    done = CliRunner().invoke(cli.app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"qontract {version('qontract')}\n")


@pytest.mark.parametrize("command", [[], ["reconcile"], ["events", "tail"]], ids=["none", "one", "one of a group"])
def test_help_has_a_short_option(command: list[str]) -> None:
    short, long = (CliRunner().invoke(cli.app, [*command, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)


def test_the_help_begins_with_what_qontract_is() -> None:
    done = CliRunner().invoke(cli.app, ["-h"], terminal_width=200)
    assert "qontract brings outside systems to the state that your files describe" in done.stdout
