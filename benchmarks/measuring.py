"""Figures: ours and the peers', taken in turns, and their ratio beside its bar and its aim."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

Measure = Callable[[], float]


@dataclass(frozen=True)
class AtLeast:
    """A bound from below."""

    value: float

    def holds(self, figure: float) -> bool:
        return figure >= self.value

    def __str__(self) -> str:
        return f"≥ {self.value:g}"


@dataclass(frozen=True)
class AtMost:
    """A bound from above."""

    value: float

    def holds(self, figure: float) -> bool:
        return figure <= self.value

    def __str__(self) -> str:
        return f"≤ {self.value:g}"


Bound = AtLeast | AtMost


@dataclass(frozen=True)
class Result:
    """One figure a round, of ours and of a peer.

    A bar is held with a margin, and fails the run; an aim fails nothing. Without a peer they are for ours itself.
    """

    work: str
    unit: str
    ours: tuple[float, ...]
    against: str = ""
    peer: tuple[float, ...] = ()
    bar: Bound | None = None
    aim: Bound | None = None

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's of the same round, for the speed of a shared machine swings; the median of the rounds."""
        return median(ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)) if self.peer else None

    @property
    def met(self) -> bool:
        """Say whether the bar is met; without one it is."""
        return self._within(self.bar)

    @property
    def aim_met(self) -> bool:
        """Say whether the aim is met; without one it is."""
        return self._within(self.aim)

    def _within(self, bound: Bound | None) -> bool:
        return bound is None or bound.holds(median(self.ours) if self.ratio is None else self.ratio)

    def to_json(self) -> dict[str, Any]:
        """Return all of it, with the medians."""
        medians = {"ours_median": median(self.ours), "peer_median": median(self.peer) if self.peer else None}
        bounds = {name: str(bound) if bound else None for name, bound in (("bar", self.bar), ("aim", self.aim))}
        return asdict(self) | bounds | medians | {"ratio": self.ratio, "met": self.met, "aim_met": self.aim_met}


def in_turns(measures: Mapping[str, Measure], rounds: int) -> dict[str, tuple[float, ...]]:
    """Return the figures of each; every second round goes the other way round, so that nobody always comes first."""
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name in reversed(figures) if number % 2 else figures:
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
