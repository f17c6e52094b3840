"""What is made with settings, and made anew when their files have changed."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client.registry import REGISTRY
from pydantic import BaseModel, SecretStr

from qontract.entrypoints.settings import load_settings_of
from qontract.entrypoints.settings_reload import LOOK_SECONDS, Reloaded, Reloader
from tests.support.clock import Clock


class Desk(BaseModel):
    token: SecretStr
    retries: int = 3


@dataclass(eq=False)
class Caller:
    """What is made with the settings."""

    token: str
    closed: list[str] = field(default_factory=list)

    def close(self) -> None:
        self.closed.append(self.token)


def made(settings: Desk) -> Caller:
    if settings.retries == 7:
        raise RuntimeError("seven")
    return Caller(settings.token.get_secret_value())


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A secrets directory with the token `old`."""
    for name in [name for name in os.environ if name.upper().startswith("QAPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("QAPI_SECRETS_DIR", str(tmp_path))
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "token").write_text("old")
    return tmp_path / "desk"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reads() -> list[Desk]:
    return []


@pytest.fixture
def renewal(secrets: Path, clock: Clock, reads: list[Desk]) -> Reloader[Desk, Caller]:
    def read() -> Desk:
        reads.append(load_settings_of(Desk, "desk"))
        return reads[-1]

    return Reloader("desk", read, made, clock=clock)


@pytest.fixture
def current(renewal: Reloader[Desk, Caller]) -> Reloaded[Caller]:
    return Reloaded(renewal, Caller.close)


def token_of(current: Reloaded[Caller], clock: Clock) -> str:
    """Return the token that the next job uses, after the time until the next look."""
    clock.now += LOOK_SECONDS
    with current.use() as caller:
        return caller.token


def replaced(file: Path, text: str) -> None:
    """Replace the file as a whole, as a careful program does."""
    beside = file.with_name("beside")
    beside.write_text(text)
    beside.replace(file)


def count(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"name": "desk"}) or 0


def test_a_new_token_in_a_file_is_what_the_next_one_uses(
    current: Reloaded[Caller], secrets: Path, clock: Clock
) -> None:
    assert token_of(current, clock) == "old"
    replaced(secrets / "token", "new")
    assert token_of(current, clock) == "new"


def test_a_token_of_the_same_length_that_is_written_in_place_is_seen(
    current: Reloaded[Caller], secrets: Path, clock: Clock
) -> None:
    (secrets / "token").write_text("abc")
    assert token_of(current, clock) == "abc"


def test_a_file_that_is_added_or_removed_is_seen(current: Reloaded[Caller], secrets: Path, clock: Clock) -> None:
    (secrets / "retries").write_text("5")
    with current.use() as before:
        assert token_of(current, clock) == "old"
    (secrets / "retries").unlink()
    token_of(current, clock)
    assert before.closed == ["old"]


def test_a_directory_that_kubernetes_swaps_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def volume(version: str, token: str) -> Path:
        (tmp_path / "desk" / version).mkdir(parents=True)
        (tmp_path / "desk" / version / "token").write_text(token)
        return tmp_path / "desk" / version

    monkeypatch.setenv("QAPI_SECRETS_DIR", str(tmp_path))
    first = volume("..2026_01", "old")
    (tmp_path / "desk" / "..data").symlink_to(first.name)
    (tmp_path / "desk" / "token").symlink_to("..data/token")
    current = Reloaded(Reloader("desk", lambda: load_settings_of(Desk, "desk"), made, clock=clock), Caller.close)
    assert token_of(current, clock) == "old"
    (tmp_path / "desk" / "..new").symlink_to(volume("..2026_02", "new").name)
    (tmp_path / "desk" / "..new").replace(tmp_path / "desk" / "..data")
    assert token_of(current, clock) == "new"


def test_files_are_looked_at_every_two_seconds_at_most_and_read_only_if_they_changed(
    current: Reloaded[Caller], secrets: Path, clock: Clock, reads: list[Desk]
) -> None:
    replaced(secrets / "token", "new")
    clock.now += LOOK_SECONDS - 0.1
    with current.use() as caller:
        assert caller.token == "old"
    assert len(reads) == 1
    assert [token_of(current, clock) for _ in range(5)] == ["new"] * 5
    assert len(reads) == 2


def test_a_file_that_changed_and_says_the_same_makes_nothing_anew(
    current: Reloaded[Caller], secrets: Path, clock: Clock
) -> None:
    with current.use() as before:
        replaced(secrets / "token", "old")
        (secrets / "of-somebody-else").write_text("x")
    token_of(current, clock)
    assert current.value is before
    assert before.closed == []


BREAK: dict[str, Callable[[Path], object]] = {
    "a value that is wrong": lambda secrets: (secrets / "retries").write_text("many"),
    "what is made refuses it": lambda secrets: (secrets / "retries").write_text("7"),
    "the file is gone": lambda secrets: (secrets / "token").unlink(),
    "no text": lambda secrets: (secrets / "token").write_bytes(b"\xff\xfe"),
    "the directory is gone": lambda secrets: secrets.parent.rename(secrets.parent.with_name("elsewhere")),
}


@pytest.mark.parametrize("name", BREAK)
def test_what_cannot_be_used_changes_nothing_and_is_told_once_and_counted(
    current: Reloaded[Caller], secrets: Path, clock: Clock, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO)
    before = count("qontract_settings_refused_total")
    BREAK[name](secrets)
    assert [token_of(current, clock) for _ in range(3)] == ["old"] * 3
    assert current.error
    assert [record.message for record in caplog.records] == ["settings refused; the ones before are used"]
    assert count("qontract_settings_refused_total") == before + 1


def test_when_they_can_be_used_again_they_are(current: Reloaded[Caller], secrets: Path, clock: Clock) -> None:
    before = count("qontract_settings_renewed_total")
    (secrets / "retries").write_text("many")
    token_of(current, clock)
    (secrets / "retries").write_text("5")
    replaced(secrets / "token", "new")
    assert token_of(current, clock) == "new"
    assert current.error == ""
    assert count("qontract_settings_renewed_total") == before + 1


def test_no_error_has_the_token(current: Reloaded[Caller], secrets: Path, clock: Clock) -> None:
    replaced(secrets / "token", "xoxb-hush-hush")
    (secrets / "retries").write_text("xoxb-hush-hush")
    token_of(current, clock)
    assert "QAPI_DESK__RETRIES" in current.error
    assert "hush" not in current.error


def test_who_is_at_work_keeps_what_he_has_and_it_is_closed_when_the_last_one_is_done(
    current: Reloaded[Caller], secrets: Path, clock: Clock
) -> None:
    with current.use() as first, current.use():
        replaced(secrets / "token", "new")
        assert token_of(current, clock) == "new"
        assert (first.token, first.closed) == ("old", [])
    assert first.closed == ["old"]
    assert current.value.closed == []


def test_what_nobody_uses_is_closed_at_once_and_what_does_not_close_disturbs_nobody(
    renewal: Reloader[Desk, Caller], secrets: Path, clock: Clock
) -> None:
    closed: list[str] = []

    def close(caller: Caller) -> None:
        closed.append(caller.token)
        raise OSError("no")

    current = Reloaded(renewal, close)
    replaced(secrets / "token", "new")
    assert token_of(current, clock) == "new"
    assert closed == ["old"]


def test_threads_use_it_at_once(current: Reloaded[Caller], secrets: Path, clock: Clock) -> None:
    inside, go = Event(), Event()

    def work() -> None:
        with current.use():
            inside.set()
            go.wait(10)

    thread = Thread(target=work)
    thread.start()
    assert inside.wait(10)
    old = current.value
    replaced(secrets / "token", "new")
    assert token_of(current, clock) == "new"
    assert old.closed == []
    go.set()
    thread.join(10)
    assert old.closed == ["old"]


def test_what_goes_wrong_in_the_work_leaves_nothing_in_use(
    current: Reloaded[Caller], secrets: Path, clock: Clock
) -> None:
    with suppress(ValueError), current.use() as caller:
        raise ValueError
    replaced(secrets / "token", "new")
    token_of(current, clock)
    assert caller.closed == ["old"]


def test_without_a_secrets_directory_nothing_is_read_again(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.delenv("QAPI_SECRETS_DIR", raising=False)
    reads: list[int] = []
    renewal = Reloader("desk", lambda: reads.append(1), lambda _: None, clock=clock)
    for _ in range(3):
        clock.now += LOOK_SECONDS
        assert not renewal.renewed()
    assert reads == [1]
