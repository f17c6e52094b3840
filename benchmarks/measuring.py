"""Figures: ours and the peers', taken in turns, and their ratio beside its bar."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

Measure = Callable[[], float]


@dataclass(frozen=True)
class Result:
    """One figure a round, of ours and of a peer. Without a peer the bar is for ours itself; without a bar it is met."""

    work: str
    unit: str
    ours: tuple[float, ...]
    against: str = ""
    peer: tuple[float, ...] = ()
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's of the same round, for the speed of a shared machine swings; the median of the rounds."""
        return median(ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)) if self.peer else None

    @property
    def met(self) -> bool:
        """Say whether the bar is met."""
        figure = median(self.ours) if self.ratio is None else self.ratio
        return (self.at_least is None or figure >= self.at_least) and (self.at_most is None or figure <= self.at_most)

    def to_json(self) -> dict[str, Any]:
        """Return all of it, with the medians."""
        medians = {"ours_median": median(self.ours), "peer_median": median(self.peer) if self.peer else None}
        return asdict(self) | medians | {"ratio": self.ratio, "met": self.met}


def in_turns(measures: Mapping[str, Measure], rounds: int) -> dict[str, tuple[float, ...]]:
    """Return the figures of each; every second round goes the other way round, so that nobody always comes first."""
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name in reversed(measures) if number % 2 else measures:
            gc.collect()
            figures[name].append(measures[name]())
    return {name: tuple(found) for name, found in figures.items()}


def rate(count: int, work: Callable[[], object]) -> float:
    """Return how many a second."""
    return count / seconds(work)


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    started = perf_counter()
    work()
    return perf_counter() - started
