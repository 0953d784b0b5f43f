"""What is announced, and what changes mean."""

from datetime import UTC, datetime

import pytest

from evenload.contracts.commands import SetDistribution, SetLimit, SetMode, SetPriority, SetTarget
from evenload.contracts.events import Decision, LoadDecision
from evenload.contracts.records import Override, OverrideRecord
from evenload.site.load import parse_site
from services.home_assistant.asked import BY, command_of
from services.home_assistant.entities import announcement, entities
from services.home_assistant.states import Facts, states

AT = datetime(2026, 6, 1, tzinfo=UTC)
SITE = parse_site(
    "site: home\ngrid: {breaker_a: 25}\nmeters:\n  p1: {role: grid, driver: homewizard, host: a}\n"
    "  t1: {role: temperature, driver: http_json, url: 'http://a/t', fields: {temperature_c: t}}\n"
    "circuits:\n  garage: {limit_a: 20}\n"
    "loads:\n  wallbox: {type: evse, station: CP001, max_a: 16, circuit: garage}\n"
    "  heater: {type: plug, driver: shelly, host: b, power_w: 2000, phases: [L1]}\n"
    "  boiler: {type: tank, driver: shelly, host: c, power_w: 2000, phases: [L1], temperature: t1}\n",
    "site.yaml",
)
REQUIRED = {"state_topic", "unique_id", "name", "device", "availability_topic"}


def test_every_entity_has_what_discovery_requires_and_an_id_of_its_own() -> None:
    found = entities(SITE)
    payloads = [announcement(entity) for entity in found]
    assert all(payload.keys() >= REQUIRED for payload in payloads)
    assert len({payload["unique_id"] for payload in payloads}) == len({entity.topic for entity in found}) == len(found)
    assert all("command_topic" in payload for payload in payloads if "options" in payload or "min" in payload)


def test_every_entity_finds_its_value_in_the_state_of_its_device() -> None:
    told = states(SITE, Facts())
    for entity in entities(SITE):
        assert entity.key in told[f"{entity.thing.base}/state"], entity


@pytest.mark.parametrize(
    ("topic", "payload", "command"),
    [
        ("load/w/mode", b"solar_only", SetMode(site="home", by=BY, load="w", mode="solar_only")),
        ("load/w/priority", b"3", SetPriority(site="home", by=BY, load="w", priority=3)),
        ("load/w/max_a", b"10.5", SetLimit(site="home", by=BY, load="w", max_a=10.5)),
        ("load/w/mode", b"boost", SetMode(site="home", by=BY, load="w", mode="boost")),
        ("load/w/target_c", b"60", SetTarget(site="home", by=BY, load="w", target_c=60)),
        ("distribution", b"shared", SetDistribution(site="home", by=BY, distribution="shared")),
    ],
)
def test_a_change_means_a_command(topic: str, payload: bytes, command: object) -> None:
    assert command_of(f"evenload/home/{topic}/set", payload) == command


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("evenload/home/load/w/mode/set", b"fast"),
        ("evenload/home/load/w/mode/set", b"\xff"),
        ("evenload/home/load/w/priority/set", b"-1"),
        ("evenload/home/load/w/priority/set", b"1.5"),
        ("evenload/home/load/w/max_a/set", b"nan"),
        ("evenload/home/load/w/max_a/set", b"1e999"),
        ("evenload/home/load/w/max_a/set", b""),
        ("evenload/home/load/w/reason/set", b"x"),
        ("evenload/Home/load/w/mode/set", b"off"),
        ("evenload/home/set", b"off"),
    ],
)
def test_what_means_nothing_is_refused(topic: str, payload: bytes) -> None:
    with pytest.raises(ValueError):
        command_of(topic, payload)


def test_a_tank_shows_its_mode_and_target_by_hand_not_how_it_is_served_now() -> None:
    items = (
        Override(load="boiler", mode="boost", at=AT),
        Override(load="boiler", target_c=60.0, at=AT),
    )
    serving = LoadDecision(
        load="boiler", mode="standard", setpoint_a=8.7, target_a=8.7, could_get_a=8.7, temperature_c=48.5
    )
    facts = Facts(
        overrides=OverrideRecord(site="home", items=items),
        decision=Decision(site="home", decided_at=AT, loads=(serving,)),
    )
    told = states(SITE, facts)["evenload/home/load/boiler/state"]
    assert (told["mode"], told["target_c"], told["temperature_c"]) == ("boost", 60.0, 48.5)
