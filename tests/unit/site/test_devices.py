"""What is refused of tanks, rooms, heat pumps, pumps, machines and set powers, with what to do."""

import pytest

from evenload.site.heat import HeatPump, Tank
from evenload.site.modulating import Modulating
from tests.unit.site.builders import load, site_of

HEAD = """
site: home
grid: {breaker_a: 25, household_max_a: 5}
mqtt: {broker: mqtt://b}
meters:
  p1: {role: grid, driver: homewizard, host: p1.lan}
  t: {role: temperature, driver: mqtt, topic: t, fields: {temperature_c: ""}}
loads:
  car: {type: evse, station: CP1}
"""
RELAY = "driver: shelly, host: s.lan, phases: [L1]"
TANK = f"type: tank, power_w: 2000, temperature: t, {RELAY}"
PUMP = f"type: pump, power_w: 1000, {RELAY}"
POWER = "type: modulating, power_w: 3000, phases: [L1]"
MODBUS = f"{POWER}, driver: modbus, host: m.lan"


def with_load(keys: str) -> str:
    return f"{HEAD}  x: {{{keys}}}\n"


@pytest.mark.parametrize(
    "keys",
    [
        TANK,
        f"{TANK}, mode: normal",
        f"type: tank, power_w: 2000, without_sensor: thermostat, {RELAY}",
        "type: tank, power_w: 3000, elements_w: [1000, 2000], temperature: t, driver: relays, host: s, phases: [L1]",
        f"type: climate, power_w: 1000, temperature: t, {RELAY}",
        "type: heat_pump, power_w: 2000, driver: sg_ready, host: s.lan, phases: [L1]",
        f"{PUMP}, run_h: 4",
        f"{PUMP}, energy_wh: 5000, each: week",
        f"type: appliance, power_w: 2000, {RELAY}",
        f"{MODBUS}, register: holding 1000 uint16",
        f"{POWER}, driver: mqtt, command_topic: a/set, state_topic: a",
        f"{POWER}, driver: http_json, url: 'http://a/{{value}}', state_url: 'http://a', state_path: set",
    ],
)
def test_each_kind_needs_little(keys: str) -> None:
    site_of(with_load(keys))


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        (f"type: tank, power_w: 2000, {RELAY}", "x.temperature", "without_sensor: thermostat"),
        (f"type: tank, power_w: 2000, temperature: p1, {RELAY}", "x.temperature", "the role temperature"),
        (f"type: tank, power_w: 2000, temperature: tt, {RELAY}", "x.temperature", "did you mean t?"),
        (f"{TANK}, target_c: 85", "x.target_c", "not below the safety maximum of 80"),
        (f"{TANK}, solar_target_c: 80", "x.solar_target_c", "give less, or raise max_c"),
        (f"{TANK}, max_c: 61, solar_target_c: 60", "x.legionella_c", "too near the safety maximum"),
        (f"{TANK}, legionella_by: 25:00", "x.legionella_by", "25:00"),
        (f"{TANK}, elements_w: [1000, 2000]", "x.elements_w", "the elements draw 3000 W together"),
        (f"{TANK}, elements_w: [1000, 1000]", "x.elements_w", "2 elements, but 1 relays"),
        (
            "type: tank, power_w: 2000, elements_w: [1000, 1000], temperature: t, driver: relays, relays: tasmota,"
            " host: s, phases: [L1]",
            "x.channels",
            "counts relays from 1",
        ),
        (
            "type: tank, power_w: 2000, temperature: t, driver: sg_ready, host: s, phases: [L1]",
            "x.driver",
            "no driver of a",
        ),
        (f"type: climate, power_w: 1000, temperature: t, target_c: 35, {RELAY}", "x.target_c", "not within 5 to 28"),
        (f"type: heat_pump, power_w: 2000, {RELAY}", "x.driver", "no driver of a heat"),
        (
            "type: heat_pump, power_w: 2000, driver: sg_ready, relays: tasmota, host: s.lan, phases: [L1]",
            "x.channel_1",
            "counts relays from 1",
        ),
        (PUMP, "x.run_h", "run_h: 4"),
        (f"{PUMP}, run_h: 4, energy_wh: 5000", "x.run_h", "either run_h or energy_wh"),
        (f"{PUMP}, run_h: 13", "x.run_h", "its windows are open for 12 h"),
        (f"{PUMP}, energy_wh: 13000", "x.energy_wh", "it needs 13 h"),
        (f"{PUMP}, run_h: 1, window_from: '20:00', window_until: '08:00'", "x.window_until", "before it begins"),
        (f"type: appliance, power_w: 2000, start_w: 5, {RELAY}", "x.start_w", "more than its standby"),
        (f"{POWER}, min_w: 4000, driver: modbus, host: m, register: holding 1 uint16", "x.min_w", "above power_w"),
        (f"{POWER}, step_w: 1, driver: modbus, host: m, register: holding 1 uint16", "x.step_w", "200 steps"),
        (f"{MODBUS}, register: input 1 uint16", "x.register", "cannot be written"),
        (f"{POWER}, driver: mqtt, command_topic: 'a/#', state_topic: a", "x.command_topic", "wildcard"),
        (
            f"{POWER}, driver: http_json, url: 'http://u:p@a/{{value}}', state_url: 'http://a', state_path: set",
            "x.url",
            "user or password",
        ),
        (f"type: boiler, power_w: 2000, {RELAY}", "x.type", "expected evse or plug or tank"),
    ],
)
def test_what_does_not_fit_is_refused(keys: str, path: str, words: str) -> None:
    found = [str(finding) for finding in load(with_load(keys)).findings]
    assert any(f"loads.{path}: " in text and words in text for text in found), found


def test_two_loads_never_set_one_register() -> None:
    rod = f"{MODBUS}, expiry_s: 60, register: holding 1 uint16"
    text = with_load(rod) + f"  y: {{{rod}}}\n"
    assert "switches the same relay" in str(load(text).findings[0])


def test_a_power_without_a_watchdog_may_stay_on() -> None:
    found = str(load(with_load(f"{MODBUS}, register: holding 1 uint16").replace(", household_max_a: 5", "")).findings)
    assert "a modulating load without a timer of its own may stay on" in found
    assert "expiry_s" in found


def test_a_heat_pump_draws_by_itself_and_the_proof_counts_it() -> None:
    text = with_load("type: heat_pump, power_w: 5000, driver: sg_ready, host: s.lan, phases: [L1]")
    assert "draws by itself when nothing controls it" in str(load(text).findings[0])


def test_levels() -> None:
    assert Tank(power_w=3000, elements_w=(1000, 2000)).levels_w == (0, 1000, 2000, 3000)
    assert HeatPump(power_w=2000, boost_w=1000).levels_w == (0, 2000, 2500, 3000)
    assert Modulating(power_w=220, min_w=100, step_w=50).levels_w == (0, 100, 150, 200, 220)
    assert Modulating(power_w=200, min_w=100, step_w=50).levels_w == (0, 100, 150, 200)
