"""Every type of load has a scenario in every mode and with every fault that can befall it; a missing one is named.

The table is the contract: a new type, mode or fault of a type fails here until somebody writes its scenario.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from evenload.contracts.events import AskedMode, Mode
from evenload.simulation.scenario import FaultKind, Scenario, Turn
from evenload.simulation.scenario_files import load_paths
from evenload.site.devices import Device
from evenload.site.schema import Load

OWN = Path(__file__).parent
MODES: tuple[str, ...] = tuple(mode for mode in get_args(Mode))
BOOSTED = ("tank", "climate")
SENSED = ("tank", "climate", "heat_pump", "modulating")
DEVICES = ("plug", "tank", "heat_pump", "climate", "pump", "appliance", "modulating")
ANY_LOAD = ("link_lost", "allocator_dies", "grid_meter_silent")
FAULTS: dict[str, tuple[str, ...]] = {
    "evse": (*ANY_LOAD, "memory_lost", "gateway_restarts", "odd_station"),
    **{
        kind: (
            *ANY_LOAD,
            "service_restarts",
            # A heat pump draws what its own control wants, whatever it is told.
            *(("stuck_on", "draws_more") if kind != "heat_pump" else ()),
            *(("sensor_silent", "sensor_implausible") if kind in SENSED else ()),
            *(("sensor_frozen",) if kind in BOOSTED else ()),
        )
        for kind in DEVICES
    },
}
POINTS: dict[str, tuple[str, ...]] = {
    "1 one load contract": ("heat/modulating", "heat/together", "plugs"),
    "2 hot water tank": ("heat/tank",),
    "3 heat pump, SG Ready": ("heat/heat_pump",),
    "4 climate": ("heat/climate",),
    "5 pumps and appliances": ("heat/pump", "heat/appliance"),
    "6 thermal models": ("heat/waiting",),
    "7 schedules": ("schedules",),
    "8 plans": ("plans",),
    "9 one and three phases": ("phases",),
    "10 outside limits": ("limits",),
}
"""Point of the list of loads beyond chargers → themes of its scenarios."""
SCENARIOS = load_paths([OWN])


def kind_of(load: Load) -> str:
    return str(load.__struct_config__.tag) if isinstance(load, Device) else "evse"


def modes_seen(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield (type, mode) of every load: by the file, by a schedule, by hand."""
    for site in [scenario.site, *(turn.site for turn in scenario.moments if turn.site is not None)]:
        for name, load in site.loads.items():
            yield kind_of(load), load.mode
            for window in site.schedules.get(name, ()):
                if window.mode is not None:
                    yield kind_of(load), window.mode
    for given in [scenario.given, *(turn.given for turn in scenario.moments if turn.given is not None)]:
        for name, hand in given.by_hand.items():
            if hand.mode is not None:
                yield kind_of(scenario.site.loads[name]), hand.mode


def faults_seen(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield (type, fault) of every load that a fault befalls."""
    for turn in scenario.moments:
        if turn.fault is not None:
            yield from _fault(scenario, turn)
    for given in [scenario.given, *(turn.given for turn in scenario.moments if turn.given is not None)]:
        for name, facts in given.loads.items():
            kind, rating_w = kind_of(scenario.site.loads[name]), 0.0
            load = scenario.site.loads[name]
            if isinstance(load, Device):
                rating_w = load.most_w
            if facts.stuck_on:
                yield kind, "stuck_on"
            if (facts.draws_w or 0.0) > rating_w > 0 or (facts.extra_a and not facts.stuck_on):
                yield kind, "draws_more"
            if facts.fault is not None:
                yield kind, "odd_station"
        for name, thermal in given.thermal.items():
            if thermal.says_c is not None:
                yield kind_of(scenario.site.loads[name]), "sensor_implausible"


def _fault(scenario: Scenario, turn: Turn) -> Iterator[tuple[str, str]]:
    assert turn.fault is not None
    fault, about = turn.fault.kind, turn.fault.about
    for name, load in scenario.site.loads.items():
        sensor = load.sensor if isinstance(load, Device) else None
        if fault in ("meter_silent", "meter_frozen") and about == sensor:
            yield kind_of(load), f"sensor_{fault.removeprefix('meter_')}"
        elif fault == "meter_silent" and about == "grid":
            yield kind_of(load), "grid_meter_silent"
        elif fault in ("allocator_dies", "memory_lost") or about == name:
            yield kind_of(load), fault


SEEN_MODES = {pair for scenario in SCENARIOS for pair in modes_seen(scenario)}
SEEN_FAULTS = {pair for scenario in SCENARIOS for pair in faults_seen(scenario)}


@pytest.mark.parametrize("kind", ["evse", *DEVICES])
def test_every_mode_of_a_type_has_a_scenario(kind: str) -> None:
    wanted = {*MODES, *(("boost",) if kind in BOOSTED else ())}
    missing = {mode for mode in wanted if (kind, mode) not in SEEN_MODES}
    assert not missing, f"no scenario has a load of type {kind} in mode {', '.join(sorted(missing))}"


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_of_a_type_has_a_scenario(kind: str) -> None:
    missing = {fault for fault in FAULTS[kind] if (kind, fault) not in SEEN_FAULTS}
    assert not missing, f"no scenario has a load of type {kind} with {', '.join(sorted(missing))}"


def test_the_table_knows_every_type_mode_and_fault() -> None:
    types = {kind_of(load) for scenario in SCENARIOS for load in scenario.site.loads.values()}
    assert types == {"evse", *DEVICES}
    assert {*MODES, "boost"} == set(get_args(AskedMode)) | set(MODES)
    repairs = {"meter_returns", "link_back", "allocator_returns"}
    of_meters = {"meter_silent", "meter_frozen", "meter_thousandth"}
    assert set(get_args(FaultKind)) - repairs - of_meters <= {fault for faults in FAULTS.values() for fault in faults}


def test_sixty_and_more_timelines_cover_the_points() -> None:
    counts = {
        point: sum(
            bool(scenario.moments) and Path(scenario.file).relative_to(OWN).as_posix().startswith(themes)
            for scenario in SCENARIOS
        )
        for point, themes in POINTS.items()
    }
    lacking = [point for point, count in counts.items() if not count]
    assert not lacking, counts
    faults = sum(Path(scenario.file).name == "devices.yaml" for scenario in SCENARIOS)
    assert sum(counts.values()) + faults >= 60, counts
