"""`python -m qontract.entrypoints.github_sandbox`."""

from qontract.entrypoints.github_sandbox import main

if __name__ == "__main__":
    main()
