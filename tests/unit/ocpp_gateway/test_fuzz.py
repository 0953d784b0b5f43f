"""Whatever a station sends, the core returns or refuses: nothing else (faults.md I14)."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import Alert, LoadState, TransactionEvent
from evenload.contracts.wire import Codec, encode
from services.ocpp_gateway import ocpp16, ocpp21, ocpp201, told201
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.capability import Learned
from services.ocpp_gateway.dialect import OCPP16, OCPP21
from services.ocpp_gateway.frames import Call, PeerProtocolError, parse, write_result
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Keep, Link, Station, Tell
from services.ocpp_gateway.transactions16 import note_start
from tests.fuzz.in_process import fuzz
from tests.unit.ocpp_gateway.builders import UTC0, at, charging, due, stamp, station

_states = Codec(LoadState, "LoadState")
_events = Codec(TransactionEvent | Alert, "event")

ODD: list[Any] = [
    None, True, 0, -1, 1, 2**53 + 1, 2**52, 1e308, -0.0, "", " ", "1", "-1", "NaN", "1e999", "\x00", "\ud800",
    "é" * 300, [], {}, [[]], stamp(0), "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "Charging", "Available", "L1", "kW", "Current.Import", "Energy.Active.Import.Register", "A", "Wh", "x.L1",
]  # fmt: skip
KEYS = [
    "connectorId", "transactionId", "idTag", "meterStart", "meterStop", "timestamp", "status", "errorCode", "reason",
    "value", "measurand", "phase", "unit", "context", "format", "chargePointModel", "vendorId",
]  # fmt: skip


def payload(chance: random.Random) -> Any:
    """Return a payload of the right names and odd values; sometimes something else altogether."""
    if chance.random() < 0.05:
        return chance.choice(ODD)
    told = {key: chance.choice(ODD) for key in chance.sample(KEYS, chance.randint(0, 8))}
    if chance.random() < 0.7:
        told["connectorId"] = 1
    if chance.random() < 0.5:
        sample = {key: chance.choice(ODD) for key in ("value", "measurand", "phase", "unit", "context")}
        group = {"timestamp": chance.choice(ODD), "sampledValue": chance.choice([[sample], sample, [sample, sample]])}
        told["meterValue"] = chance.choice([[group], group, [group, group]])
    return told


def step(found: Station, call: Call, now_s: float) -> Station:
    """Return the station after one call, with all that the shell would encode encoded."""
    if call.action == "StartTransaction":
        found, _ = note_start(found, call.payload, at(now_s, int(now_s)))
    handled = OCPP16.on_call(found, call.action, call.payload, at(now_s, int(now_s)))
    write_result(call.message_id, handled.payload)
    for output in handled.outputs:
        if isinstance(output, Keep | Tell):
            _events.decode(encode(output.event))
    for outlet in handled.station.outlets:
        _states.decode(encode(load_state(handled.station, outlet, now_s, UTC0)))
    due(handled.station, at(now_s).now_s)
    return handled.station


def test_odd_values_never_raise_anything_but_a_refusal() -> None:
    chance, found = random.Random(20260601), charging(station())
    for number in range(1, 6_001):
        frame = json.dumps([2, str(number), chance.choice(list(ocpp16.ON_CALL)), payload(chance)]).encode()
        try:
            parsed = parse(frame)
            assert isinstance(parsed, Call)
            found = step(found, parsed, float(number))
        except PeerProtocolError:
            continue


def payload_2x(chance: random.Random) -> Any:
    """Return a payload of 2.x in which each value may be an odd one."""

    def mostly(value: Any) -> Any:
        return value if chance.random() < 0.93 else chance.choice(ODD)

    unit = {"unit": mostly("A"), "multiplier": mostly(chance.choice([0, 3, -3, 400]))}
    sample = {key: chance.choice(ODD) for key in ("value", "measurand", "phase", "context")}
    sample = {key: value for key, value in sample.items() if key == "value" or value is None or isinstance(value, str)}
    states = ["Charging", "SuspendedEV", "Idle", "EVConnected"]
    info = {
        "transactionId": mostly(chance.choice(["a", "b"])),
        "chargingState": mostly(chance.choice(states)),
        "stoppedReason": mostly("Local"),
    }
    told = {
        "eventType": mostly(chance.choice(["Started", "Updated", "Ended"])),
        "timestamp": mostly(stamp(0)),
        "triggerReason": mostly(chance.choice(["MeterValuePeriodic", "CablePluggedIn"])),
        "seqNo": mostly(chance.randint(0, 5)),
        "transactionInfo": mostly(info),
        "evse": mostly({"id": mostly(1)}),
        "idToken": mostly({"idToken": mostly("T")}),
        "evseId": mostly(1),
        "connectorStatus": mostly(chance.choice(["Occupied", "Available", "Faulted"])),
        "meterValue": mostly([{"timestamp": mostly(stamp(0)), "sampledValue": [sample | {"unitOfMeasure": unit}]}]),
    }
    return {key: value for key, value in {**told, **notice_2x(mostly)}.items() if chance.random() < 0.9}


def notice_2x(mostly: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what notices of 2.x and streams of 2.1 carry."""
    ac = {"energyAmount": mostly(5), "evMaxCurrent": mostly(16)}
    needs = {
        "requestedEnergyTransfer": mostly("AC_single_phase"),
        "departureTime": mostly(stamp(0)),
        "acChargingParameters": mostly(ac),
    }
    period = mostly({"limit": mostly(9)})
    attribute = {"type": mostly("Actual"), "value": mostly("W"), "mutability": mostly("ReadOnly")}
    variable = {
        "component": mostly({"name": mostly("SmartChargingCtrlr")}),
        "variable": mostly({"name": mostly("RateUnit")}),
        "variableAttribute": mostly([attribute]),
    }
    return {
        "chargingNeeds": mostly(needs),
        "chargingLimit": mostly({"chargingLimitSource": mostly("SO")}),
        "chargingSchedule": mostly([{"chargingRateUnit": mostly("A"), "chargingSchedulePeriod": mostly([period])}]),
        "requestId": mostly(1),
        "tbc": mostly(True),
        "reportData": mostly([variable]),
        "constantStreamData": mostly({"id": mostly(1), "variableMonitoringId": mostly(1)}),
        "id": mostly(1),
        "basetime": mostly(stamp(0)),
        "data": mostly([{"t": mostly(1), "v": mostly("5")}]),
        "chargingProfileId": mostly(2),
        "activated": mostly(True),
        "setMonitoringResult": mostly([{"id": mostly(1), "status": mostly("Accepted")}]),
    }


def test_odd_values_of_2x_never_raise_anything_but_a_refusal() -> None:
    chance, found = random.Random(20260602), station()
    link = Link(token="t", connected_s=0, state="serving", version="2.1")
    both = ((1, 1),)
    found, taken = replace(found, link=link, learned=Learned(dynamic=True), monitors=both, streams=both), 0
    for number in range(1, 6_001):
        raw = Raw(json.dumps(payload_2x(chance)).encode())
        action = chance.choice(["TransactionEvent", *ocpp21.ON_CALL])
        ocpp201.is_stored_first(action, raw)
        try:
            noticed = OCPP21.on_notice(found, "NotifyPeriodicEventStream", raw, at(float(number)))
            found = found if noticed is None else noticed.station
            handled = OCPP21.on_call(found, action, raw, at(float(number)))
        except PeerProtocolError:
            continue
        found, taken = handled.station, taken + 1
        write_result("1", handled.payload)
        for output in handled.outputs:
            if isinstance(output, Keep | Tell):
                _events.decode(encode(output.event))
        for outlet in found.outlets:
            _states.decode(encode(load_state(found, outlet, float(number), UTC0)))
        found, flight = OCPP21.next_call(found, at(float(number)))
        if flight is not None:
            answer = Answer(chance.choice(["result", "timeout", "error"]), raw, "why")
            found, _ = OCPP21.on_answer(found, flight, answer, float(number))
    assert taken > 3_000


def test_mangled_bytes_never_raise_anything_but_a_refusal() -> None:
    chance = random.Random(7)
    whole = json.dumps([2, "1", "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "1"}]}]}])
    for _ in range(6_000):
        data = bytearray(whole.encode())
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            parsed = parse(bytes(data[: chance.randint(1, len(data))]))
            if isinstance(parsed, Call):
                step(charging(station()), parsed, 1.0)
        except PeerProtocolError:
            continue


FOUND = (
    b'[2, "1\xa0\xef", "Boot", {}]',
    b'[3, "c4\xde\'", {"status": " 9.6 "}]',
    b'[4, "c63\xed", "", "why", {}]',
    b'[2, "1", "\xc3\x28", {}]',
)
"""Inputs that left the frame reader as another exception once, as `make fuzz` found them."""


@pytest.mark.parametrize("data", FOUND)
def test_what_the_fuzzer_found_is_refused(data: bytes) -> None:
    with pytest.raises(PeerProtocolError) as caught:
        parse(data)
    assert caught.value.code == "FormationViolation"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_run_of_the_fuzzer_finds_nothing(seed: int) -> None:
    found = fuzz(6_000, seed)
    assert not found.faults, str(found)
    assert found.outcomes["answered"] > 1_000


def test_a_report_with_bytes_that_are_no_text_is_refused() -> None:
    """Found by the fuzzer: a name that nobody reads is read all the same when the whole part is kept."""
    payload = Raw(b'{"requestId": 1, "gener\x82tedAt": "2026-06-01T12:00:00Z", "tbc": false, "seqNo": 0}')
    with pytest.raises(PeerProtocolError, match="utf-8"):
        told201.on_report(station(), payload, at(0.0))
