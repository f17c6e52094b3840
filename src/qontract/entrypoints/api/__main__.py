"""`python -m qontract.entrypoints.api`."""

from qontract.entrypoints.api import main

if __name__ == "__main__":
    main()
