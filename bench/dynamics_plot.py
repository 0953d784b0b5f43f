"""The trade-off of the control law as a figure: what is delivered against how long the breaker is above 1.13 · In.

Left: the house that goes on and off every 40 s for 15 min, worst of its phases. The dashed line is the law that
knows only how long to wait: with the hold of every overload doubling (its left end), and with a hold that stays at so
many seconds. The solid line is the law in force, which remembers what the house drew, with its ratio swept.
Right: a cloudy day; what is imported against what is used of the surplus, with the speed of a rise swept.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from bench import dynamics
from bench.dynamics import CASES, OURS, PEER, Case, Day, Worst, day_of, row_of
from services.allocator import cuts, holds, raises

TOGGLES = next(case for case in CASES if case.on_s == 40.0)
PHASES_S = tuple(4.9 * number for number in range(6))
RATIOS = (1.0, 1.05, holds.SURVIVED_RATIO, 1.13, 1.2, 1.3)
HOLDS_S = (40.0, 30.0, 20.0, 10.0)
RAMPS_MA_PER_S = (100, 200, raises.QUICK_MA_PER_S, 600)
SEED = 1


class Law(NamedTuple):
    """What is swept; the rest is as in force."""

    survived_ratio: float = holds.SURVIVED_RATIO
    hold_s: float = holds.HOLD_S
    hold_most_s: float = holds.HOLD_MOST_S
    quick_ma_per_s: int = raises.QUICK_MA_PER_S
    counts_from: float = holds.FAST_RATIO


def _put_in_force(law: Law) -> None:
    """Set the law's constants in this worker process."""
    holds.SURVIVED_RATIO, holds.HOLD_S, holds.HOLD_MOST_S = law.survived_ratio, law.hold_s, law.hold_most_s
    cuts.FAST_RATIO, raises.QUICK_MA_PER_S = law.counts_from, law.quick_ma_per_s


def swept_row(asked: tuple[str, Law]) -> Worst:
    """Play the house that goes on and off under a law."""
    who, law = asked
    _put_in_force(law)
    found = row_of((who, Case(**{**TOGGLES.__dict__, "phases_s": PHASES_S})))
    _put_in_force(Law())
    return found


def swept_day(asked: tuple[str, Law]) -> Day:
    """Play the cloudy day under a law."""
    who, law = asked
    _put_in_force(law)
    found = day_of((who, SEED))
    _put_in_force(Law())
    return found


def draw_trade_off(path: str, run: Callable[..., list[Any]]) -> None:
    """Sweep, print the figures and draw them into `path`."""
    no_memory = {"survived_ratio": 0.0, "counts_from": cuts.OVERLOAD_RATIO}
    waits = [Law(**no_memory)] + [Law(**no_memory, hold_s=hold_s, hold_most_s=hold_s) for hold_s in HOLDS_S]
    remembers = [Law(survived_ratio=ratio) for ratio in RATIOS]
    rows = run(swept_row, [(OURS, law) for law in waits + remembers] + [(PEER, Law())], 1)
    days = run(swept_day, [(OURS, Law(quick_ma_per_s=ramp)) for ramp in RAMPS_MA_PER_S] + [(PEER, Law())], 1)
    names = ["hold doubling", *(f"hold {hold_s:g} s" for hold_s in HOLDS_S), *(f"{ratio:g} In" for ratio in RATIOS)]
    for name, row in zip([*names, PEER], rows, strict=True):
        print(f"{name:16} > 1.13 In {row.above_113_s:6.1f} s   energy {row.energy:6.1%}   stops {row.stops}")
    for name, day in zip([*(f"{ramp / 1000:g} A/s" for ramp in RAMPS_MA_PER_S), PEER], days, strict=True):
        print(f"{name:16} imported {day.imported:6.1%}   used {day.used:6.1%}   stops/h {day.stops_per_h:.2f}")
    _figure(path, (names, rows), days)


def _figure(path: str, swept: tuple[list[str], list[Worst]], days: list[Day]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "dynamics", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    names, rows = swept
    count = len(HOLDS_S) + 1
    _line(left, dict(zip(names[:count], rows, strict=False)), "o--", "waits only")
    _line(left, dict(zip(names[count:], rows[count:], strict=False)), "s-", "remembers what the house drew")
    left.plot([rows[-1].above_113_s], [100 * rows[-1].energy], "x", label="peer")
    left.axvspan(0, 10, 0, 1, alpha=0.1)
    left.axhline(70, linewidth=0.8, linestyle=":")
    left.set_xscale("symlog", linthresh=20)
    left.set_xlabel("s above 1.13 · In in 15 min (target ≤ 10)")
    left.set_ylabel("energy against a perfect controller, % (target ≥ 70)")
    left.set_title("12 A on and off every 40 s")
    left.legend(loc="center right")
    right.plot([100 * day.imported for day in days[:-1]], [100 * day.used for day in days[:-1]], "s-", label="ours")
    for ramp, day in zip(RAMPS_MA_PER_S, days, strict=False):
        right.annotate(f"{ramp / 1000:g} A/s", (100 * day.imported, 100 * day.used), xytext=(5, -10), **_SMALL)
    right.plot([100 * days[-1].imported], [100 * days[-1].used], "x", label="peer")
    right.set_xlabel("imported share of the charge, %")
    right.set_ylabel("usable surplus used, %")
    right.set_title(f"cloudy day {SEED}, {dynamics.DAY_PEAK_W / 1000:g} kW peak")
    right.legend(loc="upper right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.endswith(".svg") else None)


_SMALL: dict[str, Any] = {"textcoords": "offset points", "fontsize": 7}


def _line(axes: Any, rows: dict[str, Worst], style: str, label: str) -> None:
    xs, ys = [row.above_113_s for row in rows.values()], [100 * row.energy for row in rows.values()]
    axes.plot(xs, ys, style, label=label)
    for name, row in rows.items():
        axes.annotate(name, (row.above_113_s, 100 * row.energy), xytext=(5, -10), **_SMALL)
