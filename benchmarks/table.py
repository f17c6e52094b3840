"""The table: Markdown, for a page as for a terminal."""

from collections.abc import Iterable
from statistics import median, quantiles

from rich import box
from rich.table import Table

from benchmarks.measuring import Result


def table(results: Iterable[Result]) -> Table:
    """Return a row for each result: medians, with the quartiles of all turns."""
    made = Table("work", "unit", "ours", "against", "peer", "ratio", "bar", "aim", "", box=box.MARKDOWN)
    for result in results:
        made.add_row(
            result.work,
            result.unit,
            _figures(result.ours),
            result.against,
            _figures(result.peer),
            "" if result.ratio is None else f"{result.ratio:.2f}",
            str(result.bar or ""),
            str(result.aim or ""),
            _verdict(result),
            style=None if result.met else "bold red",
        )
    return made


def _figures(figures: tuple[float, ...]) -> str:
    if not figures:
        return ""
    low, _, high = quantiles(figures, n=4, method="inclusive") if len(figures) > 1 else figures * 3
    spread = f" ({_figure(low)}–{_figure(high)})" if low != high else ""  # noqa: RUF001 - from, to
    return f"{_figure(median(figures))}{spread}"


def _figure(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.3g}"


def _verdict(result: Result) -> str:
    if not result.met:
        return "NOT MET"
    return "ok" if result.aim_met else "below its aim"
