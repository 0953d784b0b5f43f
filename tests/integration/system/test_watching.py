"""What anyone can see of a running home: every subject as JSON text, who is there, health, metrics, status."""

import asyncio
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.system.processes import evenload, until
from tests.integration.system.system import LOAD, SERVICES, SITE, Home

pytestmark = pytest.mark.asyncio(loop_scope="module")
Series = dict[tuple[str, str], float]


async def series(home: Home, service: str) -> Series:
    """Return value by (name, labels in alphabetical order)."""
    text = await home.up.answers(service, "/metrics", 200)
    return {
        (sample.name, " ".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def limit(limit_w: float | None) -> dict[str, object]:
    """Return a limit with a heartbeat, or, with None, its lifting for good: no failsafe when no more is heard."""
    stamp = "2026-01-01T00:00:00Z"
    return {
        "type": "SiteLimit",
        "site": "home",
        "source": "dso",
        "scope": "import",
        "issued_at": stamp,
        "limit_w": limit_w,
        "valid_s": None if limit_w is None else 60,
    }


async def test_every_subject_is_json_text_for_a_plain_client(home: Home) -> None:
    listener = home.listener
    for subject, kind in (
        (f"{SITE}.reading.p1", "MeterReading"),
        (f"{LOAD}.state", "LoadState"),
        (f"{LOAD}.setpoint", "Setpoint"),
        (f"{LOAD}.result", "Applied"),
        (f"{SITE}.decision", "Decision"),
        (f"{SITE}.transaction.CP001", "TransactionStarted"),
    ):
        event = await listener.wait(subject, lambda event, kind=kind: event["type"] == kind, since=0)
        assert event["site"] == "home" if kind != "Applied" else event["setpoint"]["site"] == "home"
        assert event["boot"]
        assert event["seq"] > 0


async def test_a_limit_from_outside_binds_and_is_lifted(home: Home) -> None:
    since = home.listener.now()
    await home.listener.publish(f"{SITE}.limit.dso", limit(2000.0))
    stopped = await home.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] == 0, since=since)
    assert "outside" in stopped["reason"]
    assert (await home.listener.wait(f"{SITE}.limit.dso", since=since))["limit_w"] == 2000
    await home.listener.publish(f"{SITE}.limit.dso", limit(None))
    await home.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] >= 6, within_s=60)


async def test_an_alert_is_raised_and_cleared(home: Home) -> None:
    since, subject = home.listener.now(), f"{SITE}.alert.plug_lost.test"
    alert = {"type": "Alert", "site": "home", "kind": "plug_lost", "about": "test", "at": "2026-01-01T00:00:00Z"}
    await home.listener.publish(subject, alert | {"active": True, "text": "only a test"})
    await home.listener.wait(subject, since=since)
    assert "only a test" in await home.up.run("status")
    await home.listener.publish(subject, alert | {"active": False})


async def test_one_call_to_a_station_is_answered(home: Home) -> None:
    asked = {"action": "GetConfiguration", "payload": {"key": ["MeterValueSampleInterval"]}}
    answer = await home.listener.ask("evenload.station.cp001.call", asked)
    assert answer["ok"]
    assert answer["payload"]["configurationKey"][0]["value"] == "2"


async def test_service_discovery_finds_all(home: Home) -> None:
    inbox = home.listener.client.new_inbox()
    found = set()
    subscription = await home.listener.client.subscribe(inbox)
    await home.listener.client.publish("$SRV.PING", b"", reply=inbox)
    async with asyncio.timeout(5):
        while len(found) < len(SERVICES):
            found.add(json.loads((await subscription.next_msg(timeout=5)).data)["name"])
    await subscription.unsubscribe()
    assert found == {f"evenload-{service}" for service in SERVICES}


async def test_every_service_is_alive_ready_and_measured(home: Home) -> None:
    for service in SERVICES:
        assert json.loads(await home.up.answers(service, "/livez", 200))["alive"]
        assert json.loads(await home.up.answers(service, "/readyz", 200))["ready"]
        assert (await series(home, service))["evenload_bus_connected", ""] == 1


async def test_the_allocators_metrics_show_the_site(home: Home) -> None:
    found = await series(home, "allocator")
    for phase in ("L1", "L2", "L3"):
        assert found["evenload_grid_amperes", f"phase={phase} site=home"] == pytest.approx(8, abs=8)
        assert ("evenload_measured_amperes", f"load=wallbox phase={phase} site=home") in found
    assert found["evenload_breaker_amperes", "site=home"] == 25
    assert found["evenload_setpoint_amperes", "load=wallbox site=home"] == home.setpoint_a
    assert found["evenload_site_health", "site=home"] == 0
    assert sum(found["evenload_bound_by", f"kind={kind} load=wallbox site=home"] for kind in kinds(found)) == 1
    assert found["evenload_input_age_seconds", "input=p1 site=home"] < 5
    assert found["evenload_decision_seconds_count", ""] > 0


def kinds(found: Series) -> list[str]:
    """Return the kinds of limits that may bind the wallbox."""
    labels = [labels for name, labels in found if name == "evenload_bound_by" and "load=wallbox" in labels]
    return [label.split()[0].removeprefix("kind=") for label in labels]


async def _ways(home: Home) -> float:
    """Return how many profiles were measured on their way from a reading."""
    found = await series(home, "ocpp_gateway")
    return sum(value for (name, _), value in found.items() if name == "evenload_reading_to_station_seconds_count")


async def test_the_metrics_of_meter_gateway_and_plugs_show_theirs(home: Home) -> None:
    meter = await series(home, "meter_ingest")
    assert meter["evenload_meter_readings_total", "meter=p1 site=home"] > 0
    assert meter["evenload_meter_age_seconds", "meter=p1 site=home"] < 5
    reachable = ("evenload_load_reachable", "load=wallbox site=home")
    async with asyncio.timeout(20):
        while (gateway := await series(home, "ocpp_gateway")).get(reachable) != 1:
            await asyncio.sleep(0.1)
    assert gateway["evenload_ocpp_sessions", ""] == 1
    assert gateway["evenload_load_setpoint_amperes", "load=wallbox site=home"] >= 0
    home.house.sun_w = 8000.0
    async with asyncio.timeout(90):
        while not await _ways(home):
            await asyncio.sleep(0.1)
    home.house.sun_w = 0.0
    assert (await series(home, "allocator"))["evenload_reading_to_setpoint_seconds_count", ""] > 0
    assert ("evenload_plug_dropped_total", "") in await series(home, "plug_control")


async def test_status_tells_what_every_load_gets_and_why(home: Home) -> None:
    found = json.loads(await home.up.run("status", "--json"))["sites"]["home"]
    loads = {each["load"]: each for each in found["decision"]["loads"]}
    assert set(loads) == {"wallbox", "guest", "heater"}
    assert all(each["reason"] for each in loads.values())
    assert found["loads"]["wallbox"]["reachable"] is True
    assert found["loads"]["guest"]["reachable"] is False
    table = await home.up.run("status")
    assert "wallbox" in table
    assert "guest" in table


async def test_the_stations_register_is_counted(home: Home) -> None:
    before = home.listener.last(f"{LOAD}.state")
    assert before is not None
    state = await home.listener.wait(f"{LOAD}.state", lambda state: state["energy_wh"] > before["energy_wh"], 15)
    assert state["transaction"] == str(home.transaction)
    await until(lambda: home.limit_a == home.setpoint_a, 15, "station and setpoint agree")


async def test_why_explains_a_load_in_sentences(home: Home) -> None:
    said = await home.up.run("why", "wallbox")
    assert said.startswith("wallbox may draw ")
    assert said.count("\n") >= 3
    assert "wallbox may draw" in json.loads(await home.up.run("why", "wallbox", "--json"))["sentences"][0]
    status, _, told = await evenload("why", "walbox", "--data-dir", str(home.up.data_dir))
    assert (status, "did you mean wallbox?" in told) == (1, True)
