"""Every event that crosses the bus, as frozen structs that say what each field means.

All events are tagged (`type` in the JSON), keyword-only and accept unknown fields, so that old and new versions run
side by side. Fields may be added freely; a meaning never changes: a new meaning is a new type.
Times are RFC 3339 UTC; ages and order are judged by `boot`, `seq` and `sent_ms` only, never by wall clocks.
Grid: + import, − export. Battery: + discharging, − charging. Solar and household: ≥ 0.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from evenload.contracts.limits import LimitInForce, LimitScope
from evenload.contracts.phases import PerPhase, Phase
from evenload.contracts.units import Amps, Celsius, Name, NameOrNone, Percent, Seconds, StationId, Utc, WattHours, Watts

MeterRole = Literal["grid", "solar", "battery", "inverter", "household", "load", "circuit", "vehicle", "temperature"]
LoadStatus = Literal[
    "available", "preparing", "charging", "suspended_ev", "suspended_evse", "finishing", "faulted", "unavailable"
]
Mode = Literal["standard", "solar_priority", "solar_only", "excess", "off"]
AskedMode = Literal["standard", "solar_priority", "solar_only", "excess", "off", "boost"]
"""What may be set by command: a mode, or boost, which heats to the target once, whatever the source."""
Distribution = Literal["shared", "priority", "optimized", "strict"]
Quality = Literal["good", "derived", "suspect"]
Severity = Literal["info", "warning", "critical"]
Health = Literal["normal", "frozen", "failsafe"]
WiringState = Literal["unproven", "confirmed", "suspected", "corrected"]


class Event(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """What every event carries: who sent it, in which order, when by its own monotonic clock, under which config."""

    boot: Annotated[str, Meta(description="id of the publisher's process run; order counts within one boot only")] = ""
    seq: Annotated[int, Meta(ge=0, description="rises by one with each event of this boot")] = 0
    sent_ms: Annotated[int, Meta(description="publisher's monotonic clock at sending, ms; for gaps and lateness")] = 0
    config_rev: Annotated[int, Meta(ge=0, description="revision of the site file in force; 0 = none yet")] = 0


class MeterReading(Event, frozen=True, kw_only=True):
    """One checked reading of a meter, in our units and signs."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    meter: Annotated[Name, Meta(description="name of the meter in the site file")]
    role: Annotated[MeterRole, Meta(description="what it measures")]
    measured_at: Annotated[
        datetime, Meta(tz=True, description="when it was measured, UTC; the source's stamp when it has one")
    ]
    period_s: Annotated[Seconds, Meta(description="the meter's usual time between readings")] = 1.0
    current_a: Annotated[PerPhase | None, Meta(description="A per site phase, signed; None = not measured")] = None
    power_w: Annotated[PerPhase | None, Meta(description="W per site phase, signed; None = not measured")] = None
    total_power_w: Annotated[Watts | None, Meta(description="W over all phases, signed; None = not measured")] = None
    voltage_v: Annotated[PerPhase | None, Meta(description="V phase to neutral; None = not measured")] = None
    import_wh: Annotated[WattHours | None, Meta(description="counter of energy in, Wh; None = none")] = None
    export_wh: Annotated[WattHours | None, Meta(description="counter of energy out, Wh; None = none")] = None
    soc_pct: Annotated[Percent | None, Meta(description="battery state of charge, %; None = not a battery")] = None
    temperature_c: Annotated[Celsius | None, Meta(description="°C; None = no sensor")] = None
    quality: Annotated[Quality, Meta(description="good, derived from other values, or suspect: never raises on it")] = (
        "good"
    )


class Offer(Struct, frozen=True, kw_only=True):
    """What a load can take now, and how it asks to be served; it lies over the site file while it is told."""

    mode: Annotated[Mode, Meta(description="the mode that it asks to be served under now; not what it is set to")]
    min_a: Annotated[Amps, Meta(description="the least that it takes, A per line")]
    max_a: Annotated[Amps, Meta(description="the most that it takes, A per line; 0 = nothing now")]
    step_a: Annotated[
        Amps,
        Meta(description="the widest gap between the levels at which it is on, A per line; it takes the one below"),
    ] = 0.1
    all_or_nothing: Annotated[bool, Meta(description="it knows nothing between 0 and max_a")] = False
    min_on_s: Annotated[Seconds, Meta(description="once on it stays on for so long, s; limits always override")] = 0.0
    min_off_s: Annotated[Seconds, Meta(description="once off it stays off for so long, s")] = 0.0
    need_wh: Annotated[WattHours | None, Meta(description="what it still needs, Wh; None = it cannot say")] = None
    until: Annotated[Utc | None, Meta(description="by when, UTC; None = no deadline")] = None
    reason: Annotated[str, Meta(description="why, in a few words without figures that move")] = ""


class LoadState(Event, frozen=True, kw_only=True):
    """State of one load, whole, on change and on a period."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    load: Annotated[Name, Meta(description="name of the load in the site file")]
    measured_at: Annotated[datetime, Meta(tz=True, description="when the currents were measured, UTC")]
    status: Annotated[LoadStatus, Meta(description="what the load could do with power now")]
    reachable: Annotated[bool, Meta(description="is its link up; False counts it at its worst")] = True
    measured_a: Annotated[
        PerPhase | None, Meta(description="A per line of the load mapped to site phases; None = never measured")
    ] = None
    measured_age_s: Annotated[Seconds | None, Meta(description="age of measured_a at sending; None = never")] = None
    power_w: Annotated[Watts | None, Meta(description="measured W; None = not measured")] = None
    learned_w: Annotated[
        Watts | None, Meta(description="what a plug has drawn when on, mean of its last readings, W; None = not yet")
    ] = None
    offered_a: Annotated[Amps | None, Meta(description="limit the device says it offers, A; None = unknown")] = None
    setpoint_a: Annotated[Amps | None, Meta(description="setpoint in force at the device, A; None = none yet")] = None
    setpoint_seq: Annotated[int, Meta(description="seq of that setpoint; 0 = none yet")] = 0
    failsafe_a: Annotated[Amps, Meta(description="what it falls back to by itself, A")] = 0.0
    failsafe_in_s: Annotated[
        Seconds | None,
        Meta(description="until it falls back when nobody speaks to it, s; None = it never does by itself"),
    ] = None
    obeys: Annotated[bool, Meta(description="False: draws more than its setpoint allows; reserve what it draws")] = True
    energy_wh: Annotated[WattHours | None, Meta(description="its own counter, Wh; None = none")] = None
    session_wh: Annotated[
        WattHours | None, Meta(description="energy of the running transaction, Wh; None = no one")
    ] = None
    transaction: Annotated[str | None, Meta(description="running transaction's id; None = no transaction")] = None
    temperature_c: Annotated[Celsius | None, Meta(description="°C where it has a sensor")] = None
    offer: Annotated[
        Offer | None,
        Meta(description="what it can take now and how it asks to be served; None = as the site file says"),
    ] = None
    needs_wh: Annotated[
        WattHours | None, Meta(description="energy that the vehicle says it still wants, Wh; None = it does not say")
    ] = None
    vehicle_max_a: Annotated[
        Amps | None, Meta(description="the most the vehicle says it takes, A per line; None = it does not say")
    ] = None
    leaves_at: Annotated[Utc | None, Meta(description="when the vehicle says it leaves; None = it does not say")] = None
    phases: Annotated[
        int | None, Meta(description="how many lines its station was last told to use; None = it was not told")
    ] = None
    epoch: Annotated[int, Meta(ge=0, description="highest setpoint epoch seen for this load")] = 0


class Setpoint(Event, frozen=True, kw_only=True):
    """What a load may draw, as a lease: after `valid_s` without another it goes to its failsafe."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    load: Annotated[Name, Meta(description="name of the load")]
    setpoint_a: Annotated[
        float, Meta(ge=0, le=10_000, description="A on each of the load's lines; 0 or within [min, max]")
    ]
    issued_at: Annotated[datetime, Meta(tz=True, description="when it was decided, UTC; for people only")]
    valid_s: Annotated[Seconds, Meta(description="length of the lease, s")] = 15.0
    phases: Annotated[
        int | None, Meta(description="how many of its lines it may use, told while it pauses; None = as it is")
    ] = None
    epoch: Annotated[int, Meta(ge=0, description="fencing epoch of the allocator; lower ones are dropped")] = 0
    reason: Annotated[str, Meta(description="why, in one line: what bound it")] = ""
    cause: Annotated[str, Meta(description="the fact that led to it")] = ""
    cause_age_ms: Annotated[
        int, Meta(description="ms from the arrival of that fact to sending; 0 for renewals and timers")
    ] = 0


class Applied(Event, frozen=True, kw_only=True):
    """The device took the setpoint as it is."""

    setpoint: Setpoint


class Clamped(Event, frozen=True, kw_only=True):
    """The device took a lower value."""

    setpoint: Setpoint
    applied_a: Annotated[Amps, Meta(description="what it took, A")]
    why: Annotated[str, Meta(description="who lowered it")] = ""


class Refused(Event, frozen=True, kw_only=True):
    """The device or its service said no; the load counts at its worst."""

    setpoint: Setpoint
    why: Annotated[str, Meta(description="the device's answer")] = ""


class Unreachable(Event, frozen=True, kw_only=True):
    """No answer; the load counts at its worst."""

    setpoint: Setpoint
    why: Annotated[str, Meta(description="what was tried")] = ""


SetpointResult = Applied | Clamped | Refused | Unreachable


class Bound(Struct, frozen=True, kw_only=True):
    """The limit that bound a setpoint."""

    kind: Annotated[
        str,
        Meta(description="breaker, import, circuit, station, load, surplus, excess, outside, no_import, mode, idle …"),
    ]
    name: Annotated[str, Meta(description="name of the circuit, station or source; empty where the kind says all")] = ""
    phase: Annotated[Phase | None, Meta(description="phase on which it bound; None = all or not of a phase")] = None


class Timer(Struct, frozen=True, kw_only=True):
    """What will happen next to a load without a new fact."""

    name: Annotated[str, Meta(description="hold, ramp, grace, pause, give_back, on_time …")]
    in_s: Annotated[Seconds, Meta(description="in how many seconds")]


class LoadDecision(Struct, frozen=True, kw_only=True):
    """What one load gets, and why."""

    load: Annotated[Name, Meta(description="name of the load")]
    mode: Annotated[Mode, Meta(description="mode in force")]
    by_hand: Annotated[bool, Meta(description="an override by command is in force for this load")] = False
    by_schedule: Annotated[bool, Meta(description="a window of its schedule is in force")] = False
    by_plan: Annotated[bool, Meta(description="a slot of its plan is in force")] = False
    until: Annotated[
        Utc | None, Meta(description="when what is set by hand, else by schedule, next ends by itself; None = never")
    ] = None
    status: Annotated[LoadStatus, Meta(description="its state as last heard")] = "unavailable"
    measured_a: Annotated[PerPhase | None, Meta(description="what it draws, A per phase; None = unknown")] = None
    phases: Annotated[
        tuple[Phase, ...], Meta(description="site phase of each of its lines, as decided with; empty = not told")
    ] = ()
    wiring: Annotated[
        WiringState,
        Meta(description="are these its phases: not proven, confirmed, in doubt, or corrected against the site file"),
    ] = "unproven"
    lines: Annotated[
        int | None, Meta(description="how many lines its station is told to use; None = it cannot switch them")
    ] = None
    setpoint_a: Annotated[Amps, Meta(description="what it may draw now, A per line")]
    target_a: Annotated[Amps, Meta(description="where the joint decision wants it, before hold and ramp, A")]
    could_get_a: Annotated[
        Amps,
        Meta(
            description="what it would get if a vehicle came now and nobody else changed, A; its setpoint when active"
        ),
    ]
    bound: Annotated[Bound | None, Meta(description="the limit that bound it; None = it has its maximum")] = None
    rule: Annotated[str, Meta(description="the rule that decided, in words")] = ""
    reason: Annotated[str, Meta(description="one line for people, as in the trace")] = ""
    temperature_c: Annotated[Celsius | None, Meta(description="°C as last heard; None = it goes by none")] = None
    timer: Annotated[Timer | None, Meta(description="its next timer; None = nothing will happen by itself")] = None


InputKind = Literal["meter", "load", "limit"]


class InputUsed(Struct, frozen=True, kw_only=True):
    """A fact that a decision stood on."""

    name: Annotated[str, Meta(description="meter, load or source of an outside limit")]
    of: Annotated[InputKind, Meta(description="what the name is the name of")] = "meter"
    age_s: Annotated[Seconds | None, Meta(description="its age; None = never read")]
    state: Annotated[Literal["fresh", "frozen", "stale", "missing"], Meta(description="how far it was believed")]
    boot: Annotated[str, Meta(description="its event's boot; empty = never read, or sent without stamps")] = ""
    seq: Annotated[int, Meta(ge=0, description="its event's seq; 0 = never read, or sent without stamps")] = 0
    heard_s: Annotated[float | None, Meta(description="its arrival on the allocator's clock, s; None = never")] = None


class InputRef(Struct, frozen=True, array_like=True):
    """A fact that was new to a decision, by the stamps of its event; a list in JSON."""

    of: Annotated[InputKind, Meta(description="meter or load")]
    name: Annotated[str, Meta(description="which one")]
    boot: Annotated[str, Meta(description="its event's boot")]
    seq: Annotated[int, Meta(ge=0, description="its event's seq")]
    heard_s: Annotated[float, Meta(description="its arrival on the allocator's monotonic clock, s")]


class Decision(Event, frozen=True, kw_only=True):
    """One joint decision for a site: per load what it gets and why, and what was known."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    decided_at: Annotated[datetime, Meta(tz=True, description="when, UTC")]
    epoch: Annotated[int, Meta(ge=0, description="fencing epoch of the allocator")] = 0
    cause: Annotated[str, Meta(description="the fact or timer that led to it")] = ""
    health: Annotated[Health, Meta(description="normal; frozen: raises wait for a reading; failsafe: grid unknown")] = (
        "normal"
    )
    distribution: Annotated[Distribution, Meta(description="distribution in force")] = "priority"
    grid_a: Annotated[PerPhase | None, Meta(description="grid current used, A, + import; None = unknown")] = None
    breaker_a: Annotated[Amps | None, Meta(description="main breaker per phase, A; None = off-grid")] = None
    base_a: Annotated[PerPhase | None, Meta(description="net draw that we do not manage, A; None = unknown")] = None
    import_w: Annotated[Watts | None, Meta(description="total of importing phases, W; None = unknown")] = None
    solar_w: Annotated[Watts | None, Meta(description="solar production, measured or derived, W; None = unknown")] = (
        None
    )
    battery_w: Annotated[Watts | None, Meta(description="W, + discharging; None = no battery or unknown")] = None
    soc_pct: Annotated[Percent | None, Meta(description="%; None = no battery or unknown")] = None
    loads: Annotated[tuple[LoadDecision, ...], Meta(description="each load, by name")] = ()
    inputs: Annotated[tuple[InputUsed, ...], Meta(description="facts it stood on")] = ()
    limits: Annotated[tuple[LimitInForce, ...], Meta(description="limits from outside, by source")] = ()
    now_s: Annotated[float, Meta(description="the allocator's monotonic clock at deciding, s")] = 0.0
    step: Annotated[int, Meta(ge=0, description="number of this decision, told or not; 0 = not numbered")] = 0
    basis: Annotated[int, Meta(ge=0, description="seq of the Basis in force, of the same boot; 0 = none")] = 0
    steps: Annotated[
        tuple["Step", ...], Meta(description="decisions since the one told before, the last is this one; for replay")
    ] = ()


class SiteLimit(Event, frozen=True, kw_only=True):
    """An upper bound from outside: grid operator, tariff, installer."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    source: Annotated[Name, Meta(description="who says so")]
    scope: Annotated[
        LimitScope,
        Meta(description="import: the whole connection; managed: what loads draw from the grid, own solar on top"),
    ]
    issued_at: Annotated[datetime, Meta(tz=True, description="when, UTC")]
    limit_w: Annotated[Watts | None, Meta(description="W over all phases; negative is refused; None = lifted")] = None
    floor_w: Annotated[Watts | None, Meta(description="W that must stay allowed; None = none")] = None
    valid_s: Annotated[Seconds | None, Meta(description="heartbeat lease, s; None = holds until replaced")] = None
    failsafe_w: Annotated[Watts, Meta(description="limit when the heartbeat is missing, W")] = 4200.0
    failsafe_s: Annotated[
        Seconds | None, Meta(description="how long that limit holds without a heartbeat, s; None = until it is back")
    ] = None
    heartbeat_only: Annotated[
        bool, Meta(description="a sign of life that repeats the last limit; does not end a failsafe by itself")
    ] = False
    why: Annotated[str, Meta(description="for people")] = ""


class Held(Struct, frozen=True, kw_only=True):
    """A fact as the allocator holds it, whole: for what the history does not keep, or cannot name."""

    name: Annotated[str, Meta(description="meter, load or source of an outside limit")]
    heard_s: Annotated[float, Meta(description="its arrival on the allocator's monotonic clock, s")]
    returning: Annotated[bool, Meta(description="a limit's heartbeat is back after a lapse, its write is not")] = False
    lapsed_s: Annotated[
        float | None, Meta(description="since when a limit is at its failsafe, on the same clock, s; None = it is not")
    ] = None
    event: Annotated[MeterReading | LoadState | SiteLimit, Meta(description="the event as it was understood")]


class Step(Struct, frozen=True, array_like=True):
    """One decision, told or not: when, and what was new to it; a list in JSON."""

    now_s: Annotated[float, Meta(description="the allocator's monotonic clock at deciding, s")]
    news: Annotated[tuple[InputRef, ...], Meta(description="facts that are in the history")] = ()
    whole: Annotated[
        tuple[Held, ...], Meta(description="facts that are not: outside limits, events without stamps")
    ] = ()


class Alert(Event, frozen=True, kw_only=True):
    """Something a person should know or do; raised once and cleared once."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    kind: Annotated[Name, Meta(description="what kind of trouble: meter_stale, station_disobeys …")]
    about: Annotated[str, Meta(description="the meter, load, circuit or station")]
    active: Annotated[bool, Meta(description="True = raised, False = cleared")]
    at: Annotated[datetime, Meta(tz=True, description="when, UTC")]
    severity: Annotated[Severity, Meta(description="info, warning or critical")] = "warning"
    text: Annotated[str, Meta(description="what is wrong, with figures")] = ""
    remedy: Annotated[str, Meta(description="what to do")] = ""


class TransactionStarted(Event, frozen=True, kw_only=True):
    """A charging process began."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    station: Annotated[StationId, Meta(description="OCPP identity")]
    evse: Annotated[int, Meta(ge=0, description="connector (1.6) or EVSE (2.x)")]
    load: Annotated[NameOrNone, Meta(description="load in the site file; empty where none")]
    transaction: Annotated[str, Meta(description="unique within the station, and over gateways and restarts for 1.6")]
    started_at: Annotated[datetime, Meta(tz=True, description="as the station says, UTC")]
    received_at: Annotated[datetime, Meta(tz=True, description="when it reached us, UTC")]
    id_tag_hash: Annotated[str, Meta(description="keyed hash of the id tag, never the tag")] = ""
    meter_start_wh: Annotated[WattHours | None, Meta(description="register at the start, Wh; None = not told")] = None
    late: Annotated[bool, Meta(description="replayed from the station's offline queue: never drives control")] = False


class TransactionUpdated(Event, frozen=True, kw_only=True):
    """Something about a running transaction changed."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    station: Annotated[StationId, Meta(description="OCPP identity")]
    evse: Annotated[int, Meta(ge=0, description="connector (1.6) or EVSE (2.x)")]
    load: Annotated[NameOrNone, Meta(description="load in the site file; empty where none")]
    transaction: Annotated[str, Meta(description="its id")]
    updated_at: Annotated[datetime, Meta(tz=True, description="as the station says, UTC")]
    received_at: Annotated[datetime, Meta(tz=True, description="when it reached us, UTC")]
    meter_wh: Annotated[WattHours | None, Meta(description="register, Wh; None = not told")] = None
    why: Annotated[str, Meta(description="what changed: adopted, state …")] = ""


class TransactionEnded(Event, frozen=True, kw_only=True):
    """A charging process ended; unknown, late and repeated ends are kept too."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    station: Annotated[StationId, Meta(description="OCPP identity")]
    evse: Annotated[int, Meta(ge=0, description="connector (1.6) or EVSE (2.x); 0 = unknown")]
    load: Annotated[NameOrNone, Meta(description="load in the site file; empty where none")]
    transaction: Annotated[str, Meta(description="its id as told by the station")]
    ended_at: Annotated[datetime, Meta(tz=True, description="as the station says, UTC")]
    received_at: Annotated[datetime, Meta(tz=True, description="when it reached us, UTC")]
    id_tag_hash: Annotated[str, Meta(description="keyed hash of the id tag, never the tag")] = ""
    meter_stop_wh: Annotated[WattHours | None, Meta(description="register at the end, Wh; None = not told")] = None
    why: Annotated[str, Meta(description="reason told by the station")] = ""
    known: Annotated[bool, Meta(description="False: no start with this id was seen")] = True
    late: Annotated[bool, Meta(description="replayed from the station's offline queue")] = False


TransactionEvent = TransactionStarted | TransactionUpdated | TransactionEnded
