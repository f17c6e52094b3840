"""The keys that tokens are checked with: when they are read, and how long they are used."""

import asyncio
import logging
from collections.abc import Iterator
from threading import Event

import pytest

from qontract.adapters.memory import InMemoryKeySet
from qontract.application.ports.key_set import KeySetError, PublicKey
from qontract.application.token_keys import TokenKeys
from tests.support.clock import Clock
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
OLD, NEW = (PublicKey(key_id, "EdDSA", None) for key_id in ("old", "new"))
DAY = 24 * 3600


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def key_set() -> InMemoryKeySet:
    return InMemoryKeySet([OLD])


@pytest.fixture
def failures() -> list[int]:
    return []


@pytest.fixture
def keys(key_set: InMemoryKeySet, clock: Clock, failures: list[int]) -> TokenKeys:
    return TokenKeys(key_set, fresh=300, pause=10, longest=DAY, clock=clock, count_failure=lambda: failures.append(1))


async def test_the_keys_are_read_once_for_all_who_ask_while_they_are_fresh(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock
) -> None:
    found = await asyncio.gather(*(keys.of("old") for _ in range(50)))
    clock.now += 299
    assert [*found, await keys.of("old")] == [[OLD]] * 51
    assert key_set.reads == 1


async def test_keys_that_are_not_fresh_are_read_again_and_one_that_is_gone_is_used_no_more(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock
) -> None:
    await keys.of("old")
    key_set.keys = [NEW]
    clock.now += 301
    assert (await keys.of("old"), await keys.of("new")) == ([], [NEW])


async def test_for_a_key_that_is_not_there_they_are_read_at_once_but_not_again_and_again(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock
) -> None:
    await keys.of("old")
    key_set.keys = [OLD, NEW]
    clock.now += 11
    assert await keys.of("new") == [NEW]
    for number in range(100):
        assert await keys.of(f"unknown {number}") == []
    assert key_set.reads == 2
    clock.now += 11
    await keys.of("unknown")
    assert key_set.reads == 3


async def test_a_token_that_names_no_key_is_of_the_only_one_or_of_those_without_a_name(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock
) -> None:
    assert list(await keys.of(None)) == [OLD]
    nameless = PublicKey(None, "EdDSA", None)
    key_set.keys = [OLD, NEW, nameless]
    clock.now += 301
    assert list(await keys.of(None)) == [nameless]


async def test_keys_that_were_never_read_cannot_be_told_and_are_looked_for_again_soon(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock, failures: list[int]
) -> None:
    key_set.keys = None
    for _ in range(3):
        with pytest.raises(KeySetError, match="there is none"):
            await keys.of("old")
    assert (key_set.reads, len(failures), keys.usable) == (1, 1, False)
    key_set.keys = [OLD]
    clock.now += 11
    assert await keys.of("old") == [OLD]
    assert await keys.refresh() == ""


async def test_old_keys_are_used_while_they_cannot_be_read_for_a_day_and_no_longer(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock
) -> None:
    await keys.of("old")
    key_set.keys = None
    clock.now += DAY
    assert await keys.of("old") == [OLD]
    assert await keys.refresh() == "there is none"
    clock.now += 1
    with pytest.raises(KeySetError):
        await keys.of("old")


async def test_a_new_key_cannot_be_told_from_a_wrong_one_while_they_cannot_be_read(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock
) -> None:
    await keys.of("old")
    key_set.keys = None
    clock.now += 11
    with pytest.raises(KeySetError, match="there is none"):
        await keys.of("new")
    assert await keys.of("old") == [OLD]


async def test_a_set_without_keys_is_believed(keys: TokenKeys, key_set: InMemoryKeySet) -> None:
    key_set.keys = []
    assert await keys.of("old") == []


class Hanging(InMemoryKeySet):
    """Reads until it is let go."""

    def __init__(self) -> None:
        super().__init__([OLD])
        self.go = Event()

    def read(self) -> list[PublicKey]:
        self.reads += 1
        self.go.wait(10)
        return [OLD]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    key_set = Hanging()
    yield key_set
    key_set.go.set()


async def test_nobody_waits_for_long_for_a_reading_that_hangs_and_there_is_only_one(
    hanging: Hanging, clock: Clock
) -> None:
    keys = TokenKeys(hanging, fresh=300, pause=10, wait=0.05, clock=clock)
    for _ in range(3):
        with pytest.raises(KeySetError, match="no answer in time"):
            await keys.of("old")
        clock.now += 60
    assert hanging.reads == 1
    hanging.go.set()
    await eventually(lambda: keys.usable)
    assert await keys.of("old") == [OLD]


async def test_who_finds_his_key_waits_once_at_most_while_they_cannot_be_read(hanging: Hanging, clock: Clock) -> None:
    hanging.go.set()
    keys = TokenKeys(hanging, fresh=300, pause=10, wait=0.05, clock=clock)
    await keys.of("old")
    hanging.go.clear()
    clock.now += 301
    assert await keys.of("old") == [OLD]
    async with asyncio.timeout(0.04):
        for _ in range(100):
            assert await keys.of("old") == [OLD]
    hanging.go.set()


async def test_who_is_cancelled_disturbs_nobody_else_who_waits(hanging: Hanging, clock: Clock) -> None:
    keys = TokenKeys(hanging, fresh=300, pause=10, clock=clock)
    first, second = asyncio.create_task(keys.of("old")), asyncio.create_task(keys.of("old"))
    await eventually(lambda: hanging.reads == 1)
    first.cancel()
    await eventually(first.cancelled)
    hanging.go.set()
    assert await second == [OLD]
    assert hanging.reads == 1


async def test_an_error_that_nobody_thought_of_is_told_by_its_kind_alone(clock: Clock) -> None:
    class Broken(InMemoryKeySet):
        def read(self) -> list[PublicKey]:
            raise LookupError("a-secret")

    keys = TokenKeys(Broken(), fresh=300, pause=10, clock=clock)
    with pytest.raises(KeySetError, match=r"^LookupError$"):
        await keys.of("old")


async def test_the_log_says_once_that_they_cannot_be_read_and_when_they_can_again(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    key_set.keys = None
    for _ in range(3):
        with pytest.raises(KeySetError):
            await keys.of("old")
        clock.now += 11
    key_set.keys = [OLD]
    await keys.of("old")
    key_set.keys = None
    clock.now += 301
    await keys.of("old")
    assert [record.message for record in caplog.records] == [
        "key set cannot be read; its tokens cannot be judged",
        "key set read again",
        "key set changed",
        "key set cannot be read; the keys that it had are used",
    ]


async def test_the_log_names_the_keys_whenever_they_change_and_not_when_their_order_does(
    keys: TokenKeys, key_set: InMemoryKeySet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    unnamed = PublicKey(None, "EdDSA", None)
    for found in ([OLD], [NEW, OLD], [OLD, NEW], [unnamed]):
        key_set.keys = found
        await keys.of("old")
        clock.now += 301
    changes = [record.__dict__["keys"] for record in caplog.records if record.message == "key set changed"]
    assert changes == [["old EdDSA"], ["new EdDSA", "old EdDSA"], ["(none) EdDSA"]]
