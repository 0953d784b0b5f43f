"""The house of the simulated year: its site under each strategy, its physics, and what is counted. Pure.

One house, seven ways to run it. Without control everything does what it does by itself: the car takes all it can as
soon as it is home, the tank keeps its target, the heat pump its room, the pool pump runs from the same hour each day.
Each mode alone sets all loads to it. Schedules let car and tank take the cheap hours of the night, and plans let them
have what they need by the morning, with prices and a forecast of the sun; in both everything else waits for the sun.
"""

from dataclasses import dataclass, field
from typing import Any

from evenload.contracts.events import Mode
from evenload.simulation.scenario import ThermalFacts
from evenload.site.load import load_mapping
from evenload.site.schema import Site

STEP_S = 60.0
TIME_ZONE = "Europe/Berlin"
NO_CONTROL, PLANS = "no control", "plans"
MODES: tuple[Mode, ...] = ("standard", "solar_priority", "solar_only", "excess")
STRATEGIES = (NO_CONTROL, *MODES, "schedules", PLANS)
CAR, TANK, HEAT_PUMP, POOL = "car", "tank", "heat_pump", "pool"
CAR_WH, CAR_SPARE_WH, CHARGING_RATIO = 58_000.0, 3_000.0, 0.9
CAPACITY_WH, FIRST_SOC_PCT = 10_000.0, 50.0
PRICE, NIGHT_PRICE, EXPORT_PRICE = 0.32, 0.24, 0.08
NIGHT_FROM_MIN, NIGHT_UNTIL_MIN = 22 * 60, 6 * 60
WARM_C, READY_C, READY_MIN = 40.0, 45.0, 390
"""Water that somebody draws is warm from here on; at 06:30 the tank has so much."""
COMFORT_C = 20.0
POOL_H, POOL_FROM_MIN = 4.0, 9 * 60
TANK_MASS = ThermalFacts(temperature_c=52.0, capacity_wh_per_k=233.0, loss_w_per_k=1.9, ambient_c=18.0)
ROOM_MASS = ThermalFacts(
    temperature_c=20.8,
    capacity_wh_per_k=9_000.0,
    loss_w_per_k=190.0,
    gain_w=700.0,
    factor=4.0,
    keeps_c=21.0,
    raised_k=2.0,
)
_SITE: dict[str, Any] = {
    "site": "home",
    "time_zone": TIME_ZONE,
    "grid": {"breaker_a": 25, "household_max_a": 12},
    "inverter": {"max_w": 12_000},
    "battery": {"soc_min_pct": 10, "soc_target_pct": 40, "max_charge_w": 4_000, "max_discharge_w": 4_000},
    "excess_threshold_w": 500,
    "distribution": "shared",
    "meters": {"boiler": {"role": "temperature"}},
    "loads": {
        CAR: {"type": "evse", "max_a": 16, "priority": 2},
        HEAT_PUMP: {
            "type": "heat_pump",
            "power_w": 2_000,
            "boost_w": 1_000,
            "phases": ["L1", "L2", "L3"],
            "priority": 1,
        },
        POOL: {
            "type": "pump",
            "power_w": 900,
            "phases": ["L2"],
            "run_h": POOL_H,
            "window_from": "08:00",
            "window_until": "20:00",
            "priority": 4,
        },
        TANK: {"type": "tank", "power_w": 2_000, "phases": ["L1"], "temperature": "boiler", "priority": 3},
    },
}
_PRICES = {
    "export_per_kwh": EXPORT_PRICE,
    "table": [
        {"when": "mon-sun", "price_per_kwh": PRICE},
        {"when": "22:00-06:00", "price_per_kwh": NIGHT_PRICE},
    ],
}
_SCHEDULES = {
    CAR: [{"when": "22:00-06:00", "mode": "standard"}],
    TANK: [{"when": "04:00-06:30", "mode": "solar_priority"}],
}
_PLANS = {
    CAR: [{"by": "mon-fri 07:00", "energy_wh": 13_000}, {"by": "sat-sun 09:00", "energy_wh": 10_000}],
    TANK: [{"by": "06:30", "target_c": 50}],
}


def site_of(strategy: str) -> Site:
    """Return the house's site file under a strategy; without control it is only drawn from."""
    mode = strategy if strategy in MODES else "solar_only"
    value: dict[str, Any] = {**_SITE, "prices": _PRICES}
    value["loads"] = {name: {**load, "mode": _mode_of(name, mode)} for name, load in _SITE["loads"].items()}
    if strategy == "schedules":
        value["schedules"] = _SCHEDULES
    if strategy == PLANS:
        value["plans"] = _PLANS
    loaded = load_mapping(value, strategy, simulated=True)
    assert loaded.site is not None, loaded.findings
    return loaded.site


def _mode_of(load: str, mode: str) -> str:
    """Return a load's mode; a heat pump that is blocked without the sun for hours every day is nobody's wish."""
    return "solar_priority" if load == HEAT_PUMP and mode in ("solar_only", "excess") else mode


@dataclass
class Tally:
    """What is counted over a year."""

    strategy: str
    sun_wh: float = 0.0
    imported_wh: float = 0.0
    exported_wh: float = 0.0
    used_wh: float = 0.0
    cost: float = 0.0
    loads_wh: dict[str, float] = field(default_factory=dict)
    trips: int = 0
    trips_short: int = 0
    short_wh: float = 0.0
    mornings_cold: int = 0
    water_min: int = 0
    water_cold_min: int = 0
    room_kelvin_h: float = 0.0
    pool_days_short: int = 0
    above_breaker_s: float = 0.0
    breaker_heat_ratio: float = 0.0
    """The most heat of the main breaker (`evenload/site/breaker.py`), as a part of what trips it."""
    starts: int = 0
    days: int = 0
    decisions: int = 0
    monthly: list[dict[str, float]] = field(default_factory=list)

    @property
    def own_use_pct(self) -> float:
        """How much of the sun was used at home, %."""
        return 100.0 * (1.0 - self.exported_wh / self.sun_wh) if self.sun_wh else 0.0

    @property
    def own_supply_pct(self) -> float:
        """How much of what was used came from the roof, %."""
        return 100.0 * (1.0 - self.imported_wh / self.used_wh) if self.used_wh else 0.0

    @property
    def misses(self) -> int:
        """Deadlines missed: trips without enough charge, cold mornings, days on which the pool did not run enough."""
        return self.trips_short + self.mornings_cold + self.pool_days_short


@dataclass
class Car:
    """The car: what its battery has, and whether it is home."""

    stored_wh: float = 30_000.0
    home: bool = True

    @property
    def full(self) -> bool:
        """It takes nothing more."""
        return self.stored_wh >= CAR_WH - 1.0

    def charged(self, power_w: float, seconds: float) -> None:
        """Take power for a time."""
        self.stored_wh = min(CAR_WH, self.stored_wh + power_w * CHARGING_RATIO * seconds / 3600)

    def leaves(self, needs_wh: float, tally: Tally) -> None:
        """Drive off; what is missing for the way is charged elsewhere, and counted."""
        self.home = False
        tally.trips += 1
        missing_wh = needs_wh + CAR_SPARE_WH - self.stored_wh
        if missing_wh > 0.0:
            tally.trips_short += 1
            tally.short_wh += missing_wh
            self.stored_wh += missing_wh

    def returns(self, used_wh: float) -> None:
        """Be home again."""
        self.home = True
        self.stored_wh = max(0.0, self.stored_wh - used_wh)


def price_at(minute: int) -> float:
    """Return the price of import at a minute of the day, per kWh."""
    return NIGHT_PRICE if minute >= NIGHT_FROM_MIN or minute < NIGHT_UNTIL_MIN else PRICE
