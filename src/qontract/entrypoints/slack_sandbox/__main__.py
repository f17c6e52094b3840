"""`python -m qontract.entrypoints.slack_sandbox`."""

from qontract.entrypoints.slack_sandbox import main

if __name__ == "__main__":
    main()
