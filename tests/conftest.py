"""What all tests share: the event loop's kind, and that nothing of this machine is used."""

import gc
import os
import signal
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import settings

gc.disable()  # while all is imported and collected: a fifth of the CPU of that


settings.register_profile("quick", max_examples=30)  # pytest --hypothesis-profile=default tries more
settings.load_profile("quick")


# What begins in the background of a shell ignores Ctrl-C, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what is there until the end, and look seldom: a third of quick tests."""
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let workers begin with the tests that wait for processes: those that compute fill the pauses, and the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith("tests/integration/"))


@pytest.fixture(scope="session")
def _state_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Paths that nobody has used; nothing is there yet."""
    directory = tmp_path_factory.mktemp("state")
    return (str(directory / str(number)) for number in count())


@pytest.fixture(autouse=True)
def _state_directory(_state_directories: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test, nor a process that it starts, use the spool of this machine, or of another test."""
    monkeypatch.setenv("XDG_STATE_HOME", next(_state_directories))


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test, nor a process that it starts, send spans to the collector of this machine."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
