"""What Home Assistant is told of a site: a device for the site, each load and each circuit, and their entities. Pure.

Each entity is announced by one retained message (MQTT discovery). Its state is a key of its device's JSON state; a
change in Home Assistant comes back on its command topic. All are unavailable while our last will says so.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

from evenload.contracts.events import AskedMode, Distribution, Mode
from evenload.site.devices import aim_of
from evenload.site.schema import Device, Load, Site, currents_of

PREFIX = "homeassistant"
"""Where Home Assistant listens for announcements, as it comes."""
# Until 2025.10 an entity was named by `object_id`, since then by `default_entity_id`; both are told.
MODES, ASKED_MODES, DISTRIBUTIONS = get_args(Mode), get_args(AskedMode), get_args(Distribution)
MAX_PRIORITY = 1_000_000
Kind = Literal["sensor", "binary_sensor", "select", "number"]


class Thing(Struct, frozen=True):
    """A device: the site, or a load, circuit or meter of it."""

    site: str
    of: Literal["site", "load", "circuit", "meter"]
    name: str

    @property
    def base(self) -> str:
        """Its topic."""
        return f"evenload/{self.site}" if self.of == "site" else f"evenload/{self.site}/{self.of}/{self.name}"

    @property
    def id(self) -> str:
        """Its identifier, as Home Assistant keeps it."""
        return f"evenload_{self.site}" if self.of == "site" else f"evenload_{self.site}_{self.of}_{self.name}"


class Entity(Struct, frozen=True):
    """One entity: the key of its value in the device's state, and what is particular to it."""

    thing: Thing
    kind: Kind
    key: str
    name: str
    more: Mapping[str, Any] = {}

    @property
    def topic(self) -> str:
        """Where it is announced."""
        return f"{PREFIX}/{self.kind}/{self.thing.id}/{self.key}/config"


def availability(site: str) -> str:
    """Return the topic that says whether we are there."""
    return f"evenload/{site}/availability"


def things(site: Site) -> tuple[Thing, ...]:
    """Return all devices of a site, the site itself first."""
    return (
        Thing(site.site, "site", site.site),
        *(Thing(site.site, "load", name) for name in site.loads),
        *(Thing(site.site, "circuit", name) for name in site.circuits),
        *(Thing(site.site, "meter", name) for name in site.meters),
    )


def entities(site: Site) -> tuple[Entity, ...]:
    """Return all entities of a site."""
    found = list(_of_site(Thing(site.site, "site", site.site)))
    for name, load in site.loads.items():
        found += _of_load(Thing(site.site, "load", name), load, site)
    for name in site.circuits:
        found += _of_circuit(Thing(site.site, "circuit", name))
    found += [_problem(Thing(site.site, "meter", name)) for name in site.meters]
    return tuple(found)


def _measured(unit: str, kind: str) -> dict[str, Any]:
    return {"unit_of_measurement": unit, "device_class": kind, "state_class": "measurement"}


def _of_site(thing: Thing) -> Iterator[Entity]:
    yield Entity(thing, "sensor", "import_w", "Import", _measured("W", "power"))
    yield Entity(thing, "sensor", "solar_w", "Solar", _measured("W", "power"))
    yield Entity(thing, "sensor", "health", "Health")
    yield Entity(thing, "select", "distribution", "Distribution", {"options": list(DISTRIBUTIONS)})
    yield _problem(thing)


def limits_of(load: Load, site: Site) -> float | None:
    """Return the most that a load may be limited to, A; None for one that is all or nothing."""
    whole = isinstance(load, Device) and load.all_or_nothing
    return None if whole else currents_of(load, site)[1]


def _of_load(thing: Thing, load: Load, site: Site) -> Iterator[Entity]:
    yield Entity(thing, "sensor", "setpoint_a", "Setpoint", _measured("A", "current"))
    yield Entity(thing, "sensor", "measured_a", "Measured", _measured("A", "current"))
    yield Entity(thing, "sensor", "status", "Status")
    yield Entity(thing, "sensor", "reason", "Reason")
    modes = ASKED_MODES if isinstance(load, Device) and load.may_boost else MODES
    yield Entity(thing, "select", "mode", "Mode", {"options": list(modes)})
    yield Entity(thing, "number", "priority", "Priority", {"min": 0, "max": MAX_PRIORITY, "step": 1, "mode": "box"})
    if limits_of(load, site) is not None:
        limit = {"min": 0, "max": limits_of(load, site), "step": 0.1, "mode": "box", "unit_of_measurement": "A"}
        yield Entity(thing, "number", "max_a", "Limit", {**limit, "device_class": "current"})
    yield _problem(thing)
    if isinstance(load, Device) and load.sensor is not None:
        yield Entity(thing, "sensor", "temperature_c", "Temperature", _measured("°C", "temperature"))
    aim = aim_of(load)
    if aim is not None:
        bounds = {"min": aim.least_c, "max": aim.most_c, "step": 0.5, "unit_of_measurement": "°C"}
        yield Entity(thing, "number", "target_c", "Target", {**bounds, "mode": "box", "device_class": "temperature"})


def _of_circuit(thing: Thing) -> Iterator[Entity]:
    yield Entity(thing, "sensor", "limit_a", "Limit", {"unit_of_measurement": "A", "device_class": "current"})
    yield Entity(thing, "binary_sensor", "binding", "Binding")
    yield _problem(thing)


def _problem(thing: Thing) -> Entity:
    """Return whether an alert about it is active; which ones, and what to do, are its attributes."""
    more = {"device_class": "problem", "entity_category": "diagnostic", "json_attributes_topic": f"{thing.base}/alerts"}
    return Entity(thing, "binary_sensor", "problem", "Problem", more)


def announcement(entity: Entity) -> dict[str, Any]:
    """Return the payload that announces an entity."""
    thing = entity.thing
    device: dict[str, Any] = {
        "identifiers": [thing.id],
        "name": thing.name,
        "manufacturer": "Evenload",
        "model": thing.of,
    }
    if thing.of != "site":
        device["via_device"] = f"evenload_{thing.site}"
    payload: dict[str, Any] = {
        "name": entity.name,
        "unique_id": f"{thing.id}_{entity.key}",
        "object_id": f"{thing.id}_{entity.key}",
        "default_entity_id": f"{entity.kind}.{thing.id}_{entity.key}".replace("-", "_"),
        "state_topic": f"{thing.base}/state",
        "value_template": f"{{{{ value_json.{entity.key} }}}}",
        "availability_topic": availability(thing.site),
        "device": device,
        "origin": {"name": "Evenload"},
        **entity.more,
    }
    if entity.kind in ("select", "number"):
        payload["command_topic"] = f"{thing.base}/{entity.key}/set"
    return payload
