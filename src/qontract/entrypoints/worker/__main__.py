"""`python -m qontract.entrypoints.worker`."""

from qontract.entrypoints.worker import main

if __name__ == "__main__":
    main()
