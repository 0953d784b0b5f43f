"""Announcements against what Home Assistant publishes of its MQTT discovery: topics, keys, classes, units.

Facts from its documentation of MQTT discovery and of the components sensor, binary_sensor, select and number.
"""

import re
from typing import Any

import pytest

from evenload.site.load import parse_site
from services.home_assistant.entities import Entity, announcement, availability, entities
from services.home_assistant.states import Facts, states

SITE = parse_site(
    "site: my-home\ngrid: {breaker_a: 25}\nmeters:\n  p1: {role: grid, driver: homewizard, host: a}\n"
    "circuits:\n  garage: {limit_a: 20}\n"
    "loads:\n  wall-box: {type: evse, station: CP001, max_a: 16, circuit: garage}\n"
    "  heater: {type: plug, driver: shelly, host: b, power_w: 2000, phases: [L1]}\n",
    "site.yaml",
)
TOPIC = re.compile(r"homeassistant/(sensor|binary_sensor|select|number)/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config")
COMMON = {
    "name", "unique_id", "object_id", "default_entity_id", "state_topic", "value_template", "availability_topic",
    "availability_mode", "availability", "payload_available", "payload_not_available", "device", "origin", "icon",
    "entity_category", "enabled_by_default", "json_attributes_topic", "json_attributes_template", "qos", "encoding",
    "device_class",
}  # fmt: skip
KEYS = {
    "sensor": COMMON | {"unit_of_measurement", "state_class", "expire_after", "force_update", "options",
                        "last_reset_value_template", "suggested_display_precision"},
    "binary_sensor": COMMON | {"payload_on", "payload_off", "off_delay", "expire_after", "force_update"},
    "select": (COMMON - {"device_class"}) | {"command_topic", "command_template", "options", "optimistic", "retain"},
    "number": COMMON | {"command_topic", "command_template", "min", "max", "step", "mode", "unit_of_measurement",
                        "optimistic", "payload_reset", "retain"},
}  # fmt: skip
REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "select": {"command_topic", "options"},
    "number": {"command_topic"},
}
DEVICE_KEYS = {
    "identifiers", "connections", "configuration_url", "name", "manufacturer", "model", "model_id", "hw_version",
    "sw_version", "serial_number", "suggested_area", "via_device",
}  # fmt: skip
UNITS = {"power": {"mW", "W", "kW", "MW", "GW", "TW"}, "current": {"A", "mA"}, "problem": {None}}
"""Device class → units that it may have."""
FOUND = entities(SITE)


@pytest.mark.parametrize("entity", FOUND, ids=lambda entity: entity.topic)
def test_an_announcement_is_one_that_home_assistant_takes(entity: Entity) -> None:
    payload = announcement(entity)
    assert TOPIC.fullmatch(entity.topic)
    assert payload.keys() <= KEYS[entity.kind], payload.keys() - KEYS[entity.kind]
    assert payload.keys() >= REQUIRED[entity.kind]
    assert payload["device"].keys() <= DEVICE_KEYS
    assert payload["origin"]["name"]
    assert re.fullmatch(rf"{entity.kind}[.][a-z0-9_]+", payload["default_entity_id"])
    assert payload.get("entity_category") in (None, "diagnostic")


@pytest.mark.parametrize("entity", FOUND, ids=lambda entity: entity.topic)
def test_its_numbers_have_units_and_bounds_that_go_together(entity: Entity) -> None:
    payload = announcement(entity)
    if "device_class" in payload:
        assert payload.get("unit_of_measurement") in UNITS[payload["device_class"]]
    if "state_class" in payload:
        assert payload["unit_of_measurement"], "a number for statistics has a unit"
    if entity.kind == "number":
        assert payload["min"] < payload["max"]
        assert payload["step"] >= 0.001
        assert payload["mode"] in ("auto", "box", "slider")


def test_every_device_hangs_on_the_site() -> None:
    devices = {payload["device"]["identifiers"][0]: payload["device"] for payload in map(announcement, FOUND)}
    assert {device.get("via_device") for device in devices.values()} == {None, "evenload_my-home"}
    assert sorted(device["model"] for device in devices.values()) == ["circuit", "load", "load", "meter", "site"]


def test_topics_have_no_wildcards_and_states_are_plain_values() -> None:
    """A template takes the state out of JSON: null becomes `None`, which Home Assistant shows as unknown."""
    told: dict[str, Any] = states(SITE, Facts())
    for topic in (*told, availability(SITE.site), *(announcement(entity)["state_topic"] for entity in FOUND)):
        assert not set("#+ ") & set(topic)
    for topic, state in told.items():
        if topic.endswith("/state"):
            assert all(isinstance(value, str | int | float | None) for value in state.values()), topic


def test_a_binary_sensor_says_on_or_off_as_home_assistant_reads_it() -> None:
    told = states(SITE, Facts())
    for entity in FOUND:
        if entity.kind == "binary_sensor":
            assert told[f"{entity.thing.base}/state"][entity.key] in ("ON", "OFF")
