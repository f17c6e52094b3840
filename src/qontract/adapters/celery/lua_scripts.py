"""The scripts that run in Redis: each a file in `scripts/`, which says what its KEYS, ARGV and answer are."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import redis


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")


def run_script(client: redis.Redis, name: str, keys: Sequence[str], *args: str | bytes | float) -> Any:
    """Run a script, and send its text where the server does not know it. Raises redis.RedisError or OSError."""
    return client.register_script(_text(name))(keys, args)
