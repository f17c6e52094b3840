"""`python -m qontract.entrypoints.cli`: the command `qontract`."""

from qontract.entrypoints.cli import main

main()
