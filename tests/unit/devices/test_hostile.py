"""Whatever a device answers: a reading within bounds, or none; never a crash, never a value that is not finite."""

import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenload.contracts.events import MeterReading
from evenload.devices.errors import DeviceError
from evenload.site.drivers import ValueFields
from evenload.site.load import load_file
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers import enphase, fronius, homewizard, shelly
from services.meter_ingest.drivers import tasmota as tasmota_meter
from services.meter_ingest.drivers.fields import reader
from services.meter_ingest.memory import MeterMemory
from services.meter_ingest.normalise import Now, normalise
from services.plug_control.config import PlugPlan
from services.plug_control.drivers import homewizard as socket
from services.plug_control.drivers import shelly as relay
from services.plug_control.drivers import tasmota, tplink, tuya
from services.plug_control.observation import check

NUMBER = st.floats() | st.integers() | st.floats(-10_000, 10_000) | st.sampled_from([0, -1, 1e308, 10**400])
LEAF = st.none() | st.booleans() | NUMBER | st.text(max_size=8) | st.sampled_from(["1e999", "NaN", "-inf", "ON", "12"])
KEYS = st.sampled_from(
    [
        *(f"active_{kind}_l{line}_{unit}" for kind, unit in (("power", "w"), ("current", "a")) for line in (1, 2, 3)),
        *(f"{line}_{kind}" for line in "abc" for kind in ("act_power", "current", "voltage")),
        *("active_power_w", "total_power_import_kwh", "total_act_power", "emeters", "power", "current", "is_valid"),
        *("output", "apower", "aenergy", "total", "StatusSNS", "ENERGY", "Power", "POWER", "POWER1", "power_on"),
    ]
)
DOCUMENT = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=12), max_leaves=20
)
PLAN = MeterPlan(
    site="home",
    meter="m",
    role="grid",
    driver="",
    options=None,
    period_s=1.0,
    slow=False,
    invert=False,
    lines=("L1", "L2", "L3"),
    single=False,
    site_phases=("L1", "L2", "L3"),
    voltage_v=230.0,
    breaker_a=25.0,
    mqtt=None,
)
PLUG = PlugPlan(site="home", load="p", driver="", options=None, levels_w=(0.0, 2000.0), lines=("L1",), voltage_v=230)
FIELDS = reader(ValueFields(power_w="power", current_l1_a="emeters[0].current", soc_pct="total"), 1000.0, False)
METERS = (
    lambda document: homewizard.sample_of(document, "here"),
    lambda document: shelly.gen1_sample(document, "here"),
    lambda document: shelly.gen2_sample(document, {}, "here"),
    lambda document: shelly.phase_sample(document, {}, "here"),
    lambda document: fronius.meter_sample(fronius.body_of({"Body": {"Data": document}}, "here")),
    lambda document: fronius.FLOWS["battery"](fronius.body_of({"Body": {"Data": document}}, "here")),
    lambda document: enphase.sample_of({"production": [document]}, "solar", "here"),
    lambda document: tasmota_meter.sample_of({"StatusSNS": {"ENERGY": document}}, "here"),
    FIELDS.sample,
)
PLUGS = (
    lambda document: relay.observation_of(document, "here"),
    lambda document: tasmota.observation_of(document, document, 2) if isinstance(document, dict) else None,
    lambda document: tplink.observation_of({"emeter": {"get_realtime": document}}),
    lambda document: tuya.observation_of({"dps": {"1": document, "19": document}}),
    lambda document: socket.observation_of(document, document, "here"),
)
NOW = Now(1000.0, datetime(2026, 1, 1, tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(DOCUMENT, st.sampled_from(METERS))
def test_a_meter_may_say_anything(document: Any, decode: Any) -> None:
    try:
        raw = decode(document)
    except DeviceError:
        return
    _, outcome = normalise(PLAN, MeterMemory(), raw, NOW)
    if outcome.reading is not None:
        encoded = msgspec.json.encode(outcome.reading)
        assert msgspec.json.decode(encoded, type=MeterReading) == outcome.reading
        for values in (outcome.reading.current_a, outcome.reading.power_w):
            assert values is None or all(math.isfinite(value) for _, value in values.items())


@settings(max_examples=150, deadline=None)
@given(DOCUMENT, st.sampled_from(PLUGS))
def test_a_plug_may_say_anything(document: Any, decode: Any) -> None:
    try:
        raw = decode(document)
    except DeviceError:
        return
    look = None if raw is None else check(PLUG, raw)
    assert look is None or look.power_w is None or 0 <= look.power_w <= 100_000


def test_a_driver_without_its_extra_says_which_one_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinytuya", None)  # as if it were not installed
    file = tmp_path / "site.yaml"
    file.write_text(
        "site: home\ngrid: {breaker_a: 25}\nmeters:\n  m: {role: grid, driver: homewizard, host: a}\nloads:\n"
        "  t: {type: plug, driver: tuya, host: a, device_id: abcdefgh, key_file: k, power_w: 100, phases: [L1]}\n"
    )
    findings = [str(finding) for finding in load_file(file).findings]
    assert any("loads.t.driver" in found and "pip install 'evenload[tuya]'" in found for found in findings), findings
