"""`python -m qontract.entrypoints.subscriber`."""

from qontract.entrypoints.subscriber import main

main()
