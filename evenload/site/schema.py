"""The site file's typed schema, as all services see it after loading.

Defaults are in force here; cross-checks are in `checks.py`, reading YAML with line numbers in `load.py`.
Currents are A per phase (per line of a load), grid + import, battery + discharging.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from evenload.contracts.events import Distribution, MeterRole, Mode
from evenload.contracts.phases import Phase
from evenload.contracts.plans import Need
from evenload.contracts.schedules import ScheduleWindow
from evenload.contracts.units import Name, StationId, plug_da
from evenload.site.devices import Device as Device
from evenload.site.devices import Plug as Plug
from evenload.site.heat import Climate as Climate
from evenload.site.heat import HeatPump as HeatPump
from evenload.site.heat import Tank as Tank
from evenload.site.limits import ONE_DEVICE_W, OutsideLimit, Terms, terms_of
from evenload.site.modulating import Modulating as Modulating
from evenload.site.money import Feed, Prices
from evenload.site.phase_switching import PhaseSwitching
from evenload.site.runs import Appliance as Appliance
from evenload.site.runs import Pump as Pump
from evenload.site.section import (
    NonNegativeAmps,
    NonNegativeWatts,
    PeriodSeconds,
    PositiveAmps,
    PositiveWatts,
    Section,
    SitePercent,
)


class Grid(Section, frozen=True, kw_only=True):
    """The grid connection; left out of the file for an off-grid site."""

    breaker_a: Annotated[float, Meta(gt=0, le=10_000, description="main breaker, A per phase")]
    margin_a: Annotated[float, Meta(ge=0, le=1_000, description="kept free below the breaker, A")] = 0.5
    max_import_w: Annotated[PositiveWatts | None, Meta(description="total of importing phases, W; none by default")] = (
        None
    )
    buffer_w: Annotated[NonNegativeWatts, Meta(description="kept free below max_import_w, W")] = 0.0
    household_max_a: Annotated[
        PositiveAmps | None,
        Meta(
            description="the most the uncontrolled house draws, A per phase; needed for failsafe currents above 0; "
            "bounds what an asymmetric inverter may hide"
        ),
    ] = None
    metering: Annotated[
        Literal["per_phase", "net"], Meta(description="net: export on one phase pays for import on another")
    ] = "per_phase"


class Inverter(Section, frozen=True, kw_only=True):
    """What is between sun, battery and house."""

    max_w: Annotated[
        NonNegativeWatts | None, Meta(description="output, W; none = not limiting, 0 = nothing produces here")
    ] = None
    max_per_phase_w: Annotated[PositiveWatts | None, Meta(description="output per phase, W; none = not limiting")] = (
        None
    )
    asymmetric: Annotated[bool, Meta(description="may it put different power on each phase")] = False
    wiring: Annotated[
        Literal["parallel", "series"],
        Meta(description="parallel: its output is solar only; series: all loads hang behind it (hybrid)"),
    ] = "parallel"


class Battery(Section, frozen=True, kw_only=True):
    """The home battery's rules."""

    soc_min_pct: Annotated[SitePercent, Meta(description="below it the battery helps nobody, %")] = 20.0
    soc_target_pct: Annotated[SitePercent, Meta(description="below it the battery is filled first, %")] = 80.0
    soc_hysteresis_pct: Annotated[SitePercent, Meta(description="a reached threshold holds until so far below, %")] = (
        3.0
    )
    max_charge_w: Annotated[NonNegativeWatts, Meta(description="most it can take, W")] = 5000.0
    max_discharge_w: Annotated[NonNegativeWatts, Meta(description="most it can give, W")] = 5000.0
    grid_charging: Annotated[
        bool, Meta(description="false: loads never draw grid power while a battery is present")
    ] = True


class Circuit(Section, frozen=True, kw_only=True):
    """A breaker below the main one."""

    limit_a: Annotated[float, Meta(gt=0, le=10_000, description="A per phase")]
    within: Annotated[Name | None, Meta(description="the circuit above it; none = the main breaker")] = None
    meter: Annotated[Name | None, Meta(description="meter of role circuit that shows its foreign draw")] = None


class Meter(Section, frozen=True, kw_only=True):
    """A source of readings. `options` holds the driver's own keys, checked by the driver's schema."""

    role: Annotated[MeterRole, Meta(description="what it measures")]
    driver: Annotated[str, Meta(description="how it is read")]
    checks: Annotated[
        Name | None,
        Meta(description="a second grid meter: the one that it checks; of both the higher import counts, per phase"),
    ] = None
    period_s: Annotated[PeriodSeconds | None, Meta(description="asked of the device, s; none = its best")] = None
    slow: Annotated[bool, Meta(description="must be true for a grid meter with a period above 20 s")] = False
    invert: Annotated[bool, Meta(description="turn the sign of power and current")] = False
    phases: Annotated[
        tuple[Phase, ...] | None, Meta(description="site phase of each of the meter's lines, in order; none = L1 L2 L3")
    ] = None
    options: Annotated[Any, Meta(description="an options struct of evenload.site.drivers")] = None


class Mqtt(Section, frozen=True, kw_only=True):
    """The MQTT broker that mqtt drivers and Home Assistant use."""

    broker: Annotated[
        str,
        Meta(
            pattern=r"^mqtts?://([^@/\s]+@)?([A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$",
            description="mqtt://host[:port] or mqtts://host[:port]",
        ),
    ]
    user: Annotated[str | None, Meta(description="user name at the broker")] = None
    password_file: Annotated[str | None, Meta(description="file with the password, beside the site file")] = None
    discovery: Annotated[bool, Meta(description="site, loads and circuits appear in Home Assistant by themselves")] = (
        False
    )


class Station(Section, frozen=True, kw_only=True):
    """A charging station's own settings; a station named by a load needs no entry."""

    max_a: Annotated[PositiveAmps | None, Meta(description="limit of the whole station, A per phase")] = None
    connectors: Annotated[
        Literal["concurrent", "sequential"],
        Meta(description="concurrent: outlets share its limit; sequential: one vehicle at a time, by priority"),
    ] = "concurrent"
    version: Annotated[Literal["1.6", "2.0.1", "2.1"] | None, Meta(description="pinned OCPP version")] = None
    password_file: Annotated[str | None, Meta(description="file with its Basic password, beside the site file")] = None
    tags: Annotated[Literal["any"] | tuple[str, ...], Meta(description="accepted id tags")] = "any"
    overrides: Annotated[
        dict[str, Any],
        Meta(description="what the gateway learns wrong about it"),
    ] = {}


class Evse(Section, frozen=True, kw_only=True, tag="evse", tag_field="type"):
    """An EV charging outlet, reached by OCPP."""

    station: Annotated[StationId | None, Meta(description="OCPP identity")] = None
    evse: Annotated[int, Meta(ge=1, le=100, description="connector (1.6) or EVSE (2.x)")] = 1
    min_a: Annotated[float, Meta(ge=0, le=10_000, description="lowest charging current, A; IEC 61851: 6")] = 6.0
    max_a: Annotated[float, Meta(gt=0, le=400, description="highest charging current, A per line")] = 16.0
    phases: Annotated[
        tuple[Phase, ...] | None,
        Meta(description="site phase of each line, in order; none = all; wrong ones are found while charging and told"),
    ] = None
    priority: Annotated[int, Meta(ge=0, le=1_000_000, description="lowest first")] = 1
    mode: Annotated[Mode, Meta(description="what power it may use; continuous = standard")] = "standard"
    circuit: Annotated[Name | None, Meta(description="the circuit it is on; none = the main breaker")] = None
    failsafe_a: Annotated[
        NonNegativeAmps | Literal["auto"],
        Meta(description="what it falls back to when nothing controls it, A; auto = its share of what is left"),
    ] = "auto"
    grace_s: Annotated[float, Meta(ge=0, le=86_400, description="holds its minimum when the surplus is gone, s")] = (
        300.0
    )
    pause_s: Annotated[float, Meta(ge=0, le=86_400, description="stays off after a pause, s")] = 180.0
    cycles_per_h: Annotated[int, Meta(ge=1, le=1000, description="budget of start/stop cycles per hour")] = 6
    phase_switching: Annotated[
        PhaseSwitching | None, Meta(description="it can charge on one line or on all; {} = with the defaults")
    ] = None


Load = Evse | Plug | Tank | Climate | HeatPump | Pump | Appliance | Modulating
"""An EVSE, or a device that plug_control switches or sets: all but the EVSE are a `Device`."""


class Site(Section, frozen=True, kw_only=True):
    """One site file."""

    site: Annotated[Name, Meta(description="name of the site: 1 to 48 of a-z, 0-9, _ and -")]
    time_zone: Annotated[str, Meta(description="for schedules and display, as Europe/Berlin")] = "UTC"
    voltage_v: Annotated[float, Meta(ge=50, le=500, description="phase to neutral, V")] = 230.0
    phases: Annotated[tuple[Phase, ...], Meta(description="phases of the site; [L1] for one")] = ("L1", "L2", "L3")
    grid: Annotated[Grid | None, Meta(description="the grid connection; left out: an off-grid site")] = None
    inverter: Annotated[Inverter | None, Meta(description="limits of the inverter")] = None
    battery: Annotated[Battery | None, Meta(description="rules of the home battery")] = None
    distribution: Annotated[Distribution, Meta(description="how loads of one urgency share")] = "priority"
    excess_threshold_w: Annotated[
        NonNegativeWatts, Meta(description="export above which loads in mode excess start, W")
    ] = 13_000.0
    circuits: Annotated[dict[Name, Circuit], Meta(description="breakers below the main one")] = field(
        default_factory=dict
    )
    meters: Annotated[dict[Name, Meter], Meta(description="sources of readings")] = field(default_factory=dict)
    mqtt: Annotated[Mqtt | None, Meta(description="broker of the mqtt drivers")] = None
    stations: Annotated[
        dict[StationId, Station],
        Meta(description="settings of stations by OCPP id; a station that a load names needs none"),
    ] = field(default_factory=dict)
    loads: Annotated[dict[Name, Load], Meta(description="what is controlled")] = field(default_factory=dict)
    schedules: Annotated[
        dict[Name, tuple[ScheduleWindow, ...]],
        Meta(description="weekly windows by load; of those that set the same value the later in the list wins"),
    ] = field(default_factory=dict)
    plans: Annotated[dict[Name, tuple[Need, ...]], Meta(description="what loads must have by when, by load")] = field(
        default_factory=dict
    )
    prices: Annotated[
        Prices | None, Meta(description="what energy costs; none = sun first, then the latest safe start")
    ] = None
    limits: Annotated[
        dict[Name, OutsideLimit], Meta(description="limits from outside, by the name of their source")
    ] = field(default_factory=dict)
    forecasts: Annotated[dict[Name, Feed], Meta(description="prices, CO2 and sun of the hours to come, over HTTP")] = (
        field(default_factory=dict)
    )


def currents_of(load: Evse | Device, site: Site) -> tuple[float, float]:
    """Return the least and the most current of a load when it is on, A per line; a device's are rounded up to 0.1 A."""
    if isinstance(load, Evse):
        return load.min_a, load.max_a
    lines = max(1, len(phases_of(load, site)))
    least_da, most_da = (plug_da(power_w, site.voltage_v, lines) for power_w in (load.least_w, load.most_w))
    return least_da / 10, most_da / 10


def phases_of(load: Evse | Device, site: Site) -> tuple[Phase, ...]:
    """Return the site phase of each of the load's lines, in order; the site's own when the file names none."""
    return load.phases if load.phases is not None else site.phases


def rule_devices(site: Site) -> int:
    """Return how many loads the rule of § 14a counts: those that can draw more than 4.2 kW."""
    return sum(_most_w(load, site) > ONE_DEVICE_W for load in site.loads.values())


def _most_w(load: Load, site: Site) -> float:
    if isinstance(load, Evse):
        return load.max_a * site.voltage_v * max(1, len(phases_of(load, site)))
    return load.most_w


def limit_terms(site: Site, source: str) -> Terms | None:
    """Return what holds for a source of limits; None when the site file does not name it."""
    limit = site.limits.get(source)
    return None if limit is None else terms_of(limit, rule_devices(site))
