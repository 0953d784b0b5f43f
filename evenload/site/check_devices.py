"""Cross-checks of meters, relays, the MQTT broker and secrets."""

import importlib.util
from collections.abc import Mapping

from msgspec import structs

from evenload.site import scalars
from evenload.site.check_loads import check_phases
from evenload.site.device_drivers import RelaysDevice, SgReadyDevice
from evenload.site.driver_keys import Options
from evenload.site.drivers import (
    EXTRAS,
    GIVES_SOC,
    NEEDS_BROKER,
    TOTAL_ONLY,
    EntityFields,
    HomeassistantMeter,
    HttpJsonMeter,
    ModbusMeter,
    MqttMeter,
    RegisterFields,
    ValueFields,
)
from evenload.site.findings import Report
from evenload.site.plug_drivers import MqttPlug, SgReadyPlug
from evenload.site.power_drivers import HttpPower, MqttPower
from evenload.site.scalars import plain_number
from evenload.site.schema import Device, Meter, Site

SLOWEST_GRID_PERIOD_S = 20.0
"""Above it a grid meter must be declared slow: its failsafe comes later (faults.md section 2)."""
SLOWEST_CHECK_PERIOD_S = 5.0


def _of_role(site: Site, role: str) -> list[str]:
    return [name for name, meter in site.meters.items() if meter.role == role]


def grid_meter(site: Site, report: Report) -> None:
    """A grid site has exactly one grid meter, beside those that check it; an off-grid site none."""
    found = [name for name in _of_role(site, "grid") if site.meters[name].checks is None]
    if site.grid is None:
        for name in found:
            remedy = "add grid: {breaker_a: …}, or remove the meter if the site is off-grid"
            report.fault(f"meters.{name}.role", "a grid meter, but the site has no grid", remedy, involves=("grid",))
        return
    if not found:
        remedy = "add one below meters, as p1: {role: grid, driver: homewizard, host: 192.168.1.20}"
        report.fault("meters", "there is no grid meter", remedy, involves=("meters",))
    for name in found[1:]:
        what = f"a second grid meter beside {found[0]}"
        remedy = f"add checks: {found[0]} to it, if both measure the grid connection; else give it another role"
        report.fault(f"meters.{name}.role", what, remedy)


def checking_meter(site: Site, report: Report) -> None:
    """One meter may check another one, and both measure the grid connection (faults.md A11)."""
    first: dict[str, str] = {}
    for name, meter in site.meters.items():
        if meter.checks is None:
            continue
        path, checked = f"meters.{name}.checks", site.meters.get(meter.checks)
        involves = (f"meters.{name}.role", f"meters.{meter.checks}.role")
        mains = [each for each in _of_role(site, "grid") if site.meters[each].checks is None]
        if meter.role != "grid":
            what = f"a meter of role {meter.role} checks nothing: only grid meters are compared"
            report.fault(path, what, "give it role: grid, or remove checks", involves=involves)
        elif checked is None or checked.role != "grid" or checked.checks is not None or meter.checks == name:
            remedy = scalars.one_of(meter.checks, mains) if mains else "add the site's grid meter below meters"
            report.fault(path, f"{meter.checks} is not the site's grid meter", remedy, involves=involves)
        elif meter.checks in first:
            what = f"the meter {first[meter.checks]} checks {meter.checks} already"
            report.fault(path, what, "keep one of the two")
        first.setdefault(meter.checks, name)
        if (meter.period_s or 0) > SLOWEST_CHECK_PERIOD_S:
            what = f"it reads every {plain_number(meter.period_s or 0)} s: loads wait for the older of two values"
            report.warning(f"meters.{name}.period_s", what, f"read it every {plain_number(SLOWEST_CHECK_PERIOD_S)} s")


def needed_meters(site: Site, report: Report) -> None:
    """A battery has a meter of its own with the state of charge; an off-grid site one of its production."""
    if site.battery is not None and not _of_role(site, "battery"):
        remedy = "add one below meters that gives power and soc_pct, as {role: battery, driver: mqtt, …}"
        report.fault("battery", "the battery has no meter", remedy, involves=("meters",))
    if site.battery is None:
        for name in _of_role(site, "battery"):
            what = "a battery meter, but the site has no battery"
            report.warning(f"meters.{name}.role", what, "add battery: with its thresholds", involves=("battery",))
    if site.grid is None and not _of_role(site, "inverter") and not _of_role(site, "solar"):
        what = "an off-grid site needs a meter of its production"
        report.fault("meters", what, "add one with role: inverter or solar", involves=("meters", "grid"))


def unseen_house(site: Site, report: Report) -> None:
    """Behind an asymmetric inverter the grid meter does not show what the house draws on each phase."""
    if site.inverter is None or not site.inverter.asymmetric or len(site.phases) < 2:
        return
    told = site.inverter.wiring == "series" and bool(_of_role(site, "inverter"))
    if told or _of_role(site, "household"):
        return
    report.warning(
        "inverter.asymmetric",
        "no meter shows what the house draws on each phase behind this inverter",
        "add one with role: household, or for wiring: series role: inverter; until then a start may lie over the"
        " breaker for a moment, until the next reading lowers it",
        involves=("meters", "phases"),
    )


def circuit_meters(site: Site, report: Report) -> None:
    """A circuit's meter exists, has the role circuit, and serves one circuit."""
    used: dict[str, str] = {}
    for name, circuit in site.circuits.items():
        if circuit.meter is None:
            continue
        path = f"circuits.{name}.meter"
        involves = (f"meters.{circuit.meter}",)
        if circuit.meter not in site.meters:
            known = _of_role(site, "circuit") or list(site.meters)
            remedy = scalars.one_of(circuit.meter, known) if known else "add it below meters with role: circuit"
            report.fault(path, f"there is no meter {circuit.meter}", remedy, involves=involves)
        elif site.meters[circuit.meter].role != "circuit":
            what = f"the meter {circuit.meter} has the role {site.meters[circuit.meter].role}"
            report.fault(path, what, "give that meter the role circuit", involves=involves)
        elif circuit.meter in used:
            what = f"the meter {circuit.meter} is the one of circuit {used[circuit.meter]}"
            report.fault(path, what, "name each circuit's own meter")
        used.setdefault(circuit.meter, name)
    for name in _of_role(site, "circuit"):
        if name not in used:
            remedy = f"add meter: {name} to its circuit, or remove it"
            report.warning(f"meters.{name}.role", "no circuit uses this meter", remedy, involves=("circuits",))


def meter_phases(site: Site, report: Report) -> None:
    """A meter's lines are on phases of the site; the grid meter sees all of them."""
    for name, meter in site.meters.items():
        path = f"meters.{name}.phases"
        if meter.phases is None:
            continue
        check_phases(path, meter.phases, site, report)
        unseen = sorted(set(site.phases) - set(meter.phases))
        if meter.role == "grid" and meter.phases and unseen:
            what = f"the grid meter does not see {', '.join(unseen)}"
            report.fault(
                path, what, "use a meter of all phases, or name the site phase of each line", involves=("phases",)
            )


def meter_fields(site: Site, report: Report) -> None:
    """What a meter of free form is asked for suffices for its role."""
    for name, meter in site.meters.items():
        if meter.options is None:
            continue
        place = f"meters.{name}.fields"
        fields = _fields_of(meter)
        if fields is not None and not _given(fields):
            report.fault(place, "no value is asked for", "say where a value stands, as {power_w: power}")
        elif meter.role == "grid" and meter.driver in TOTAL_ONLY and len(site.phases) > 1:
            what = f"{meter.driver} tells the grid as a total: every phase would count as fully loaded"
            remedy = "use another grid meter; its solar and battery can still be read"
            report.fault(f"meters.{name}.driver", what, remedy, involves=("phases",))
        elif meter.role == "grid":
            _grid_fields(place, fields, site, report)
        elif meter.role == "battery":
            _battery_fields(name, fields, meter, report)
        elif meter.role == "temperature" and fields is not None and "temperature_c" not in _given(fields):
            report.fault(place, "the temperature is not asked for", "add temperature_c: where it stands")


def _fields_of(meter: Meter) -> ValueFields | RegisterFields | EntityFields | None:
    if isinstance(meter.options, MqttMeter | HttpJsonMeter):
        return meter.options.fields
    if isinstance(meter.options, HomeassistantMeter):
        return meter.options.entities
    return meter.options.registers if isinstance(meter.options, ModbusMeter) else None


def topics(site: Site, report: Report) -> None:
    """An MQTT topic of ours is one topic: a wildcard would mix what several devices say."""
    named: dict[str, str] = {}
    for name, meter in site.meters.items():
        if isinstance(meter.options, MqttMeter):
            named[f"meters.{name}.topic"] = meter.options.topic
    for name, load in site.loads.items():
        if isinstance(load, Device) and isinstance(load.options, MqttPlug | MqttPower):
            named[f"loads.{name}.command_topic"] = load.options.command_topic
            named[f"loads.{name}.state_topic"] = load.options.state_topic
    for path, topic in named.items():
        if "+" in topic or "#" in topic:
            report.fault(path, "the topic holds a wildcard, + or #", "write the one topic of this device")


def scales(site: Site, report: Report) -> None:
    """A scale multiplies by something."""
    for name, meter in site.meters.items():
        if isinstance(meter.options, MqttMeter | HttpJsonMeter) and meter.options.scale == 0:
            report.fault(f"meters.{name}.scale", "a scale of 0 makes every value 0", "write 1, or 1000 for kW")


def _grid_fields(
    place: str, fields: ValueFields | RegisterFields | EntityFields | None, site: Site, report: Report
) -> None:
    """A breaker is per phase: on several phases a total alone counts every phase as fully loaded."""
    if fields is None or len(site.phases) == 1:
        return
    given = _given(fields)
    lines = [phase.lower() for phase in site.phases]
    if any(all(pattern.format(line) in given for line in lines) for pattern in ("current_{}_a", "power_{}_w")):
        return
    remedy = f"add {', '.join(f'power_{line}_w' for line in lines)}, or the same as current"
    report.fault(place, "the grid meter gives no current or power of each phase", remedy, involves=("phases",))


def _battery_fields(
    name: str, fields: ValueFields | RegisterFields | EntityFields | None, meter: Meter, report: Report
) -> None:
    if meter.driver in GIVES_SOC:
        return
    if fields is None:
        what = f"the driver {meter.driver} gives no state of charge"
        report.fault(f"meters.{name}.driver", what, "read the battery by mqtt or http_json with soc_pct")
        return
    given = _given(fields)
    if "soc_pct" not in given:
        remedy = "add soc_pct: the path where it stands"
        report.fault(f"meters.{name}.fields", "the battery's state of charge is not asked for", remedy)
    if not any(key.startswith(("power", "current")) for key in given):
        remedy = "add power_w: the path where it stands; + is discharging"
        report.fault(f"meters.{name}.fields", "the battery's power is not asked for", remedy)


def _given(fields: ValueFields | RegisterFields | EntityFields) -> set[str]:
    return {key for key in fields.__struct_fields__ if getattr(fields, key) is not None}


def meter_periods(site: Site, report: Report) -> None:
    """A slow grid meter is declared."""
    for name in _of_role(site, "grid"):
        meter = site.meters[name]
        if (meter.period_s or 0) > SLOWEST_GRID_PERIOD_S and not meter.slow:
            what = f"a grid meter that reads every {plain_number(meter.period_s or 0)} s reacts late"
            remedy = "read it at least every 20 s, or add slow: true and accept a later failsafe"
            report.fault(f"meters.{name}.period_s", what, remedy, involves=(f"meters.{name}.slow",))


def mqtt_broker(site: Site, report: Report) -> None:
    """MQTT devices have a broker, and a broker has devices."""
    devices = {f"meters.{name}": meter.driver for name, meter in site.meters.items()}
    devices |= {f"loads.{name}": load.driver or "" for name, load in site.loads.items() if isinstance(load, Device)}
    devices |= {f"limits.{name}": limit.driver for name, limit in site.limits.items()}
    devices = {path: driver for path, driver in devices.items() if driver in NEEDS_BROKER}
    if site.mqtt is None:
        for path, driver in devices.items():
            remedy = "add mqtt: {broker: mqtt://192.168.1.10}"
            report.fault(f"{path}.driver", f"the driver {driver} needs a broker", remedy, involves=("mqtt",))
    elif not devices and not site.mqtt.discovery:
        report.warning("mqtt", "nothing uses the broker", "remove it", involves=("meters", "loads"))


def shared_relays(site: Site, report: Report) -> None:
    """No two plugs switch one relay."""
    first: dict[tuple[str, ...], str] = {}
    for name, load in site.loads.items():
        if not isinstance(load, Device) or load.driver is None or load.options is None:
            continue
        options = load.options
        relay = (load.driver, *_address(options))
        other = first.setdefault(relay, name)
        if other != name:
            place = next(key for key in _ADDRESSES if key in options.__struct_fields__)
            what = f"the load {other} switches the same relay"
            report.fault(f"loads.{name}.{place}", what, "give each its own host, channel or topic")


_ADDRESSES = ("command_topic", "host", "topic", "url")
_PARTS = ("entity", "channel", "channels", "channel_1", "channel_2", "unit", "register")


def _address(options: Options) -> tuple[str, ...]:
    """Return what says which relay or setting of which device a driver's keys mean."""
    given = structs.asdict(options)
    return tuple(str(given[key]).casefold() for key in (*_ADDRESSES, *_PARTS) if key in given)


def tasmota_channels(site: Site, report: Report) -> None:
    """Tasmota counts its relays from 1, and takes 0 for all of them."""
    for name, load in site.loads.items():
        options = load.options if isinstance(load, Device) else None
        if isinstance(options, SgReadyPlug | SgReadyDevice) and options.relays == "tasmota":
            for key, channel in (("channel_1", options.channel_1), ("channel_2", options.channel_2)):
                if channel == 0:
                    report.fault(f"loads.{name}.{key}", "tasmota counts relays from 1", "add 1, as printed on it")
        elif isinstance(options, RelaysDevice) and options.relays == "tasmota" and 0 in options.channels:
            report.fault(f"loads.{name}.channels", "tasmota counts relays from 1", "add 1 to each")


def secrets(site: Site, report: Report) -> None:
    """No password stands in the file: it is shown, compared, and kept on the bus."""
    remedy = "remove it here; name a password_file"
    if site.mqtt is not None and "@" in site.mqtt.broker:
        report.fault("mqtt.broker", "the address holds a user or password", "use user and password_file")
    for name, meter in site.meters.items():
        if isinstance(meter.options, HttpJsonMeter) and _names_user(meter.options.url):
            report.fault(f"meters.{name}.url", "the address holds a user or password", remedy)
    for name, load in site.loads.items():
        if isinstance(load, Device) and isinstance(load.options, HttpPower):
            for key, url in (("url", load.options.url), ("state_url", load.options.state_url)):
                if _names_user(url):
                    report.fault(f"loads.{name}.{key}", "the address holds a user or password", remedy)


def _names_user(url: str) -> bool:
    return "@" in url.split("://")[-1].split("/")[0]


def extras(site: Site, report: Report) -> None:
    """What a driver needs is installed here."""
    used = {f"meters.{name}.driver": meter.driver for name, meter in site.meters.items()}
    used |= {
        f"loads.{name}.driver": load.driver
        for name, load in site.loads.items()
        if isinstance(load, Device) and load.driver
    }
    missing_extras(used, EXTRAS, report)


def missing_extras(used: Mapping[str, str], needs: Mapping[str, tuple[str, str]], report: Report) -> None:
    """Report the drivers in `used` (path → driver) whose module of `needs` (driver → module, extra) is not there."""
    for path, driver in used.items():
        if driver not in needs:
            continue
        module, extra = needs[driver]
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            what = f"the driver {driver} needs {module}, which is not installed"
            report.fault(path, what, f"run: pip install 'evenload[{extra}]'")
