"""The pictures of the simulated year: where energy came from and what it cost, and the year month by month."""

from pathlib import Path
from typing import Any

from bench.year_home import Tally

MONTHS = "JFMAMJJASOND"


def drawn(tallies: list[Tally], folder: Path) -> None:
    """Write `year.svg` and `year-months.svg`; equal years give equal files."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "evenload", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(12, 8))
    names = [tally.strategy for tally in tallies]
    _energy(axes[0][0], names, tallies)
    _bars(axes[0][1], names, [tally.cost for tally in tallies], "cost of the year, €")
    _bars(axes[1][0], names, [tally.own_use_pct for tally in tallies], "sun used at home, %")
    _misses(axes[1][1], names, tallies)
    figure.tight_layout()
    _saved(figure, folder / "year.svg")
    figure, axis = pyplot.subplots(figsize=(9, 4.5))
    _months(axis, tallies)
    figure.tight_layout()
    _saved(figure, folder / "year-months.svg")


def _saved(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def _bars(axis: Any, names: list[str], values: list[float], title: str) -> None:
    found = axis.bar(names, values, color="tab:blue")
    axis.bar_label(found, fmt="%.0f", fontsize=8)
    _named(axis, title)


def _named(axis: Any, title: str) -> None:
    axis.set_title(title)
    axis.tick_params(axis="x", labelrotation=25, labelsize=8)


def _energy(axis: Any, names: list[str], tallies: list[Tally]) -> None:
    own = [(tally.used_wh - tally.imported_wh) / 1e6 for tally in tallies]
    bought = [tally.imported_wh / 1e6 for tally in tallies]
    elsewhere = [tally.short_wh / 1e6 for tally in tallies]
    axis.bar(names, own, label="from the roof", color="tab:orange")
    axis.bar(names, bought, bottom=own, label="from the grid", color="tab:gray")
    above = [one + two for one, two in zip(own, bought, strict=True)]
    axis.bar(names, elsewhere, bottom=above, label="car charged elsewhere", color="tab:red")
    axis.legend(fontsize=7, loc="lower right")
    _named(axis, "what was used, MWh")


def _misses(axis: Any, names: list[str], tallies: list[Tally]) -> None:
    bottom = [0.0] * len(tallies)
    for label, values in (
        ("trips without enough charge", [float(tally.trips_short) for tally in tallies]),
        ("mornings under 45 °C", [float(tally.mornings_cold) for tally in tallies]),
        ("pool ran too little, days", [float(tally.pool_days_short) for tally in tallies]),
    ):
        axis.bar(names, values, bottom=bottom, label=label)
        bottom = [below + value for below, value in zip(bottom, values, strict=True)]
    axis.legend(fontsize=7)
    _named(axis, "deadlines missed")


def _months(axis: Any, tallies: list[Tally]) -> None:
    months = range(len(tallies[0].monthly))
    axis.plot(months, [month["sun"] / 1000 for month in tallies[0].monthly], color="black", label="sun")
    for tally in tallies:
        axis.plot(months, [month["import"] / 1000 for month in tally.monthly], marker="o", label=tally.strategy)
    axis.set_xticks(list(months), [MONTHS[month % 12] for month in months])
    axis.set_ylabel("kWh a month: the sun, and each strategy's import")
    axis.legend(fontsize=8)
