"""Learns a body's capacity, loss and gain from what was measured, with bounds and a fit that can be looked at. Pure.

The differential equation, integrated:  ΔT = a · ∫P dt − b · ∫(T − Ta) dt + c · Δt  with a = 1/C, b = U/C, c = G/C. This
is linear in a, b, c and has no discretisation error. It is read in two steps, over rows of at most half an hour that
end where the heater is switched:

1. Rows that something else has moved (hot water is drawn, a window is open) lie far beside the line and are left out;
   the line is drawn anew, a few times.
2. What is left are runs of joined rows. Within a run of at most a day the sums from its beginning are fitted, so that
   the thermometer's noise counts once and not in each row.

How sure a parameter is, is told by leaving out a sixth of the runs at a time. A tank knows no gain: where the
temperature hardly moves, gain and loss cannot be told apart. So a room that is kept within its band all week is first
told as a loss alone: that holds near the temperature that it has, and that is where it waits. Nothing is said (None)
before there are two days of rows, enough heating, and parameters that are sure to 20 %.
"""

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from evenload.contracts.records import LearnedRow
from evenload.thermal.model import HOUR_S, Model

ROW_S = 1800.0
ROWS_MOST = 1000
"""About two weeks."""
HOURS_LEAST_H = 48.0
HEATED_LEAST = 6
GAP_S = 900.0
"""A longer silence of the thermometer ends a row unused."""
UNSURE_RATIO = 0.2
ROW_LEAST_S = 480.0
RUN_ROWS = 48
PARTS = 6
OUTLIER = 3.5
"""Standard deviations from the line; the deviation is told from the median, which outliers do not move."""
MEDIAN_TO_DEVIATION = 1.4826
PASSES = 8
LEAST_DEVIATION_C = 0.02
SWITCHED_RATIO = 0.2
CAPACITY = (1.0, 1_000_000.0)
"""Wh/K: from a litre of water to a block of flats."""
LOSS = (0.01, 100_000.0)
"""W/K."""
HEATED_WH = 20.0
Numbers = NDArray[np.float64]


class Sample(Struct, frozen=True, kw_only=True):
    """One look: temperature, electric power since the look before (cooling < 0), and the temperature around."""

    at_s: float
    temperature_c: float
    power_w: float
    ambient_c: float


class Learning(Struct, frozen=True, kw_only=True):
    """What is remembered of a body, as an argument and a result; storable."""

    rows: tuple[LearnedRow, ...] = ()
    first: Sample | None = None
    """The look with which the open row began."""
    last: Sample | None = None
    energy_wh: float = 0.0
    above_kelvin_h: float = 0.0
    joined: bool = False
    """The open row begins where the last one ends."""


class Fit(Struct, frozen=True, kw_only=True):
    """A model and how far it can be trusted."""

    model: Model
    rows: int
    """Rows that it stands on."""
    left_out: int
    """Rows that something else moved."""
    residual_c: float
    """Root mean square of what the model says wrong about half an hour, K."""
    capacity_error_ratio: float
    """Standard error of the capacity, as a part of it."""
    loss_error_ratio: float


def seen(learning: Learning, sample: Sample) -> Learning:
    """Return what is known after one more look; looks must come in order, others are dropped."""
    last, first = learning.last, learning.first
    if last is None or first is None or sample.at_s - last.at_s > GAP_S:
        return Learning(rows=learning.rows, first=sample, last=sample)
    if sample.at_s <= last.at_s:
        return learning
    if _switched(last, sample) and last.at_s > first.at_s:
        learning = _closed(learning)
        first = last
    step_h = (sample.at_s - last.at_s) / HOUR_S
    above_c = (last.temperature_c - last.ambient_c + sample.temperature_c - sample.ambient_c) / 2
    after = replace(
        learning,
        last=sample,
        energy_wh=learning.energy_wh + sample.power_w * step_h,
        above_kelvin_h=learning.above_kelvin_h + above_c * step_h,
    )
    return _closed(after) if sample.at_s - first.at_s >= ROW_S else after


def _switched(last: Sample, sample: Sample) -> bool:
    """Tell whether the heater's power is another one since the last look."""
    return abs(sample.power_w - last.power_w) > SWITCHED_RATIO * max(abs(sample.power_w), abs(last.power_w))


def _closed(learning: Learning) -> Learning:
    """Return what is known once the open row ends with the last look; one that is too short is dropped."""
    first, last = learning.first, learning.last
    assert first is not None
    assert last is not None
    length_s = last.at_s - first.at_s
    if length_s < ROW_LEAST_S:
        return Learning(rows=learning.rows, first=last, last=last)
    moved_c = last.temperature_c - first.temperature_c
    row = LearnedRow(moved_c, learning.energy_wh, learning.above_kelvin_h, length_s / HOUR_S, learning.joined)
    return Learning(rows=(*learning.rows, row)[-ROWS_MOST:], first=last, last=last, joined=True)


def fitted(learning: Learning, *, gains: bool) -> Fit | None:
    """Return the model that the rows show, None while they show none. `gains`: sun and people heat it too (a room)."""
    found = _fitted(learning.rows, gains=True) if gains else None
    return found or _fitted(learning.rows, gains=False)


def _fitted(rows: tuple[LearnedRow, ...], *, gains: bool) -> Fit | None:
    heated = sum(abs(row.energy_wh) >= HEATED_WH for row in rows)
    if sum(row.length_h for row in rows) < HOURS_LEAST_H or heated < HEATED_LEAST:
        return None
    columns = np.array([[row.energy_wh, -row.above_kelvin_h] + ([row.length_h] if gains else []) for row in rows])
    moved = np.array([row.moved_c for row in rows])
    kept = _line(columns, moved)
    if kept is None:
        return None
    runs = _runs(columns, moved, kept, [row.joined for row in rows])
    return None if len(runs) < PARTS else _judged(runs, int(kept.sum()), len(rows))


def _line(columns: Numbers, moved: Numbers) -> NDArray[np.bool_] | None:
    """Return which rows lie on the line; None when fewer than half do."""
    kept = np.ones(len(moved), dtype=bool)
    for _ in range(PASSES):
        solution, *_ = np.linalg.lstsq(columns[kept], moved[kept], rcond=None)
        beside = moved - columns @ solution
        middle = np.median(beside[kept])
        deviation = max(LEAST_DEVIATION_C, MEDIAN_TO_DEVIATION * float(np.median(np.abs(beside[kept] - middle))))
        now_kept = np.abs(beside - middle) <= OUTLIER * deviation
        if now_kept.sum() * 2 < len(moved):
            return None
        if bool((now_kept == kept).all()):
            break
        kept = now_kept
    return kept


def _runs(
    columns: Numbers, moved: Numbers, kept: NDArray[np.bool_], joined: list[bool]
) -> list[tuple[Numbers, Numbers]]:
    """Return, for each run of joined rows on the line, the sums from its beginning, less their mean."""
    bounds: list[list[int]] = []
    for index in range(len(moved)):
        if not kept[index]:
            continue
        goes_on = bool(bounds) and joined[index] and bounds[-1][-1] == index - 1 and len(bounds[-1]) < RUN_ROWS
        if goes_on:
            bounds[-1].append(index)
        else:
            bounds.append([index])
    runs = []
    for run in bounds:
        sums = np.vstack([np.zeros(columns.shape[1]), np.cumsum(columns[run], axis=0)])
        moves = np.concatenate([[0.0], np.cumsum(moved[run])])
        runs.append((sums - sums.mean(axis=0), moves - moves.mean()))
    return runs


def _solved(runs: list[tuple[Numbers, Numbers]]) -> Numbers | None:
    """Return a, b (and c); None when the runs do not tell them."""
    columns, moves = np.vstack([run[0] for run in runs]), np.concatenate([run[1] for run in runs])
    solution, _, rank, _ = np.linalg.lstsq(columns, moves, rcond=None)
    told = rank == columns.shape[1] and solution[0] > 0.0 and solution[1] > 0.0
    return np.array([1 / solution[0], solution[1] / solution[0], *(solution[2:] / solution[0])]) if told else None


def _judged(runs: list[tuple[Numbers, Numbers]], kept: int, of_rows: int) -> Fit | None:
    """Return the fit of the runs; None when it is out of bounds or unsure."""
    found = _solved(runs)
    parts = [_solved([run for number, run in enumerate(runs) if number % PARTS != part]) for part in range(PARTS)]
    told = [part for part in parts if part is not None]
    if found is None or len(told) < PARTS:
        return None
    spread = np.sqrt((PARTS - 1) / PARTS * np.sum((np.array(told) - found) ** 2, axis=0)) / np.abs(found)
    capacity, loss = float(found[0]), float(found[1])
    within = CAPACITY[0] <= capacity <= CAPACITY[1] and LOSS[0] <= loss <= LOSS[1]
    if not within or max(spread[0], spread[1]) > UNSURE_RATIO:
        return None
    slope = np.array([1.0, loss, *found[2:]]) / capacity
    beside = np.concatenate([moves - columns @ slope for columns, moves in runs])
    return Fit(
        model=Model(capacity_wh_per_k=capacity, loss_w_per_k=loss, gain_w=float(found[2]) if len(found) > 2 else 0.0),
        rows=kept,
        left_out=of_rows - kept,
        residual_c=float(np.sqrt(np.mean(beside**2))),
        capacity_error_ratio=float(spread[0]),
        loss_error_ratio=float(spread[1]),
    )
