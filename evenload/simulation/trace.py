"""One line a step, only when something changed, in fixed columns; the legend is docs/trace.md.

Columns: time, grid per phase, base load per phase, surplus, soc; then for each load its state, setpoint, measured
current and reason.
"""

from collections.abc import Callable

from evenload.contracts.events import Decision, LoadDecision, LoadStatus
from evenload.contracts.phases import PerPhase
from evenload.simulation.virtual_time import clock_text

LETTERS: dict[LoadStatus, str] = {
    "available": "A",
    "preparing": "B",
    "charging": "C",
    "suspended_ev": "s",
    "suspended_evse": "S",
    "finishing": "D",
    "faulted": "F",
    "unavailable": "x",
}
HEALTH = {"normal": " ", "frozen": "~", "failsafe": "!"}


def header(loads: tuple[str, ...], phases: int) -> str:
    """Return the line that names the columns."""
    grid = "".join(f" {'net' + str(index + 1):>6}" for index in range(phases))
    base = "".join(f" {'base' + str(index + 1):>6}" for index in range(phases))
    columns = "".join(f" | {load[:14]:<14} set    meas reason" for load in loads)
    return f"{'time':>10} {grid}{base} {'surplus':>7} {'soc':>4}{columns}".rstrip()


def line(now_s: float, decision: Decision, phases: int) -> str:
    """Return a decision's line."""
    return f"{clock_text(now_s):>10}{body(decision, phases)}"


def body(decision: Decision, phases: int) -> str:
    """Return all of a decision's line but the time; equal bodies are one step."""
    grid, base = _amps(decision.grid_a, phases), _amps(decision.base_a, phases)
    soc = "   –" if decision.soc_pct is None else f"{decision.soc_pct:4.0f}"
    loads = "".join(f" | {_load(load)}" for load in decision.loads)
    return f"{HEALTH[decision.health]}{grid}{base} {_surplus(decision):>7} {soc}{loads}".rstrip()


def changes_only(
    write: Callable[[str], None], loads: tuple[str, ...], phases: int
) -> Callable[[float, Decision], None]:
    """Return a writer of decisions that writes the header once, and a line only when it differs from the last."""
    last = ""

    def on_decision(now_s: float, decision: Decision) -> None:
        nonlocal last
        if not last:
            write(header(loads, phases))
        text = body(decision, phases)
        if text != last:
            last = text
            write(line(now_s, decision, phases))

    return on_decision


def _amps(values: PerPhase | None, phases: int) -> str:
    found = (None, None, None) if values is None else (values.l1, values.l2, values.l3)
    return "".join("      –" if value is None else f" {value:6.1f}" for value in found[:phases])


def _surplus(decision: Decision) -> str:
    """Return what the site would export without its managed loads, A over all phases; negative = it would import."""
    base_a = decision.base_a.total() if decision.base_a is not None else None
    return "–" if base_a is None else f"{-base_a:.1f}"


def _load(load: LoadDecision) -> str:
    measured = [value for _, value in load.measured_a.items()] if load.measured_a else []
    drawn = f"{max(measured):5.1f}" if measured else "    –"
    hand = "*" if load.by_hand else " "
    return f"{LETTERS[load.status]}{hand}{load.load[:12]:<12} {load.setpoint_a:5.1f} {drawn}  {load.reason[:44]:<44}"
