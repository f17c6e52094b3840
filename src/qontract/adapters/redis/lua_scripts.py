"""The scripts that run in Redis: each a file in `scripts/`, which says what its KEYS, ARGV and answer are."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_READING = ("claim_idle", "open_subscription", "peek", "read")
"""The scripts that begin with `reading_prelude.lua`."""


class Script(NamedTuple):
    """The text of a script, and the name by which Redis knows it."""

    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Return the script of that name."""
    text = _text(name)
    if name in _READING:
        flags, rest = text.split("\n", 1)  # they have to come first
        text = f"{flags}\n{_text('reading_prelude')}{rest}"
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _text(name: str) -> str:
    return files(__package__).joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")


async def run_script(client: Redis, name: str, keys: Sequence[str], *args: Any) -> Any:
    """Run a script, and send its text where the server does not know it. Raises redis.RedisError."""
    text, sha = script(name)
    try:
        return await client.evalsha(sha, len(keys), *keys, *args)
    except NoScriptError:  # nobody has sent it since the server started
        return await client.eval(text, len(keys), *keys, *args)


def run_script_sync(execute: Callable[..., Any], name: str, keys: Sequence[str], *args: Any) -> Any:
    """Run a script, as `run_script` does, without an event loop: `execute` sends one command."""
    text, sha = script(name)
    try:
        return execute("EVALSHA", sha, len(keys), *keys, *args)
    except NoScriptError:
        return execute("EVAL", text, len(keys), *keys, *args)
