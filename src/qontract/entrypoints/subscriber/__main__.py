"""`python -m qontract.entrypoints.subscriber`."""

from qontract.entrypoints.subscriber import main

if __name__ == "__main__":
    main()
