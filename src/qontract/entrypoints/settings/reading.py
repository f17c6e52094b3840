"""Read settings; say what is wrong with them, by variable, and without a value."""

import os
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)


class SettingsProblemsError(ValueError):
    """Settings are missing or wrong: each of `problems` is a line that names a variable, and not its value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Sources(BaseSettings):
    """Where settings are read from."""

    model_config = SettingsConfigDict(env_prefix="QAPI_", env_nested_delimiter="__", frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is given
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is given
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then a file for each setting: `slack/tokens/coreos` below `QAPI_SECRETS_DIR`."""
        directory = os.environ.get("QAPI_SECRETS_DIR")
        if not directory:
            return init_settings, env_settings
        files = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=Path(directory),
            secrets_prefix="",
            secrets_nested_subdir=True,
            secrets_dir_missing="error",
        )
        return init_settings, env_settings, files


def secrets_stamp() -> Hashable:
    """Return a value that is another one when a file below the secrets directory was changed, made or removed.

    Links are looked at, and not followed: where they lead to is below the directory too, or is not read.
    """
    directory = os.environ.get("QAPI_SECRETS_DIR")
    found: list[tuple[str, int, int, int]] = []
    for where, directories, files in os.walk(os.path.realpath(directory)) if directory else ():
        for name in (*directories, *files):
            path = os.path.join(where, name)  # noqa: PTH118 - a path for each file costs more than the stat
            with suppress(OSError):
                of = os.lstat(path)
                found.append((path, of.st_mtime_ns, of.st_size, of.st_ino))
    return frozenset(found)


S = TypeVar("S", bound=Sources)


def read(settings: type[S], *, theirs: bool = False) -> S:
    try:
        return settings()
    except SettingsError as error:
        raise SettingsProblemsError([_unreadable(error)]) from None
    except (OSError, UnicodeError) as error:
        message = f"QAPI_SECRETS_DIR: a file cannot be read: {type(error).__name__}"
        raise SettingsProblemsError([message]) from None
    except ValidationError as error:
        said = _without_values if theirs else _problem_text
        problems = error.errors(include_url=False, include_context=False)
        lines = [_line(problem, said(problem)) for problem in problems if problem["type"] not in _FOLLOWS]
        raise SettingsProblemsError(lines) from None


_FOLLOWS = {"default_factory_not_called"}
"""Problems that are there only because of another."""


def _line(problem: ErrorDetails, said: str) -> str:
    """Name the variable that was set: a map, or a whole group, may be given as JSON in one."""
    path = [str(part) for part in problem["loc"]]
    names = ["QAPI_" + "__".join(path[:length]).upper() for length in range(len(path), 0, -1)]
    variables = {name.upper() for name in os.environ}
    name = next((name for name in names if name in variables), names[0])
    inside = "".join(f"{part}: " for part in path[len(names) - names.index(name) :])
    return f"{name}: {inside}{said}"


def _problem_text(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _without_values(problem: ErrorDetails) -> str:
    """Return what somebody else's model says, in one line; should it repeat a value, without that."""
    texts = sorted(_texts(problem["input"]), key=len, reverse=True)
    return " ".join(reduce(lambda said, text: said.replace(text, "…"), texts, _problem_text(problem)).split())


_SHORTEST_SECRET = 4


def _texts(value: object) -> Iterator[str]:
    """Give every text that the value has in it."""
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
    elif len(text := str(value)) >= _SHORTEST_SECRET:
        yield text


def _unreadable(error: SettingsError) -> str:
    """Name the variable whose text is not JSON; if there is none, it is the secrets directory, or a file there."""
    if error.__cause__ is None:
        return f"QAPI_SECRETS_DIR: {error}"
    text = getattr(error.__cause__, "doc", None)
    names = [name.upper() for name, value in os.environ.items() if value == text and name.upper().startswith("QAPI_")]
    return f"{names[0] if names else 'QAPI_SECRETS_DIR: a file'}: not JSON, which maps and lists are written in"
