"""Who gives a command."""

import getpass
import os
from socket import gethostname

from qontract.entrypoints.tokens import wrong_with_subject


def operating_user() -> str:
    """Return the user of the operating system who runs this, and the machine: `alice@ops-1`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        user = f"uid-{os.geteuid()}"
    who = f"{user}@{gethostname()}"
    return "unknown" if wrong_with_subject(who) else who
