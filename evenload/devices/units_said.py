"""Units as devices write them → factors to ours. Pure."""

from collections.abc import Mapping

FACTORS: Mapping[str, Mapping[str, float]] = {
    "a": {"A": 1.0, "mA": 0.001, "kA": 1_000.0},
    "w": {"W": 1.0, "mW": 0.001, "kW": 1_000.0, "MW": 1e6},
    "v": {"V": 1.0, "mV": 0.001, "kV": 1_000.0},
    "wh": {"Wh": 1.0, "kWh": 1_000.0, "MWh": 1e6, "GWh": 1e9},
    "pct": {"%": 1.0},
    "c": {"°C": 1.0},
}
"""Our unit, as it ends a value's name → unit as written → factor."""


def factor(name: str, unit: str | None) -> float | None:
    """Return what makes our unit of the value `name` (as `power_l1_w`) out of `unit`; None = it is of another kind."""
    return FACTORS[name.rpartition("_")[2]].get(unit or "")
