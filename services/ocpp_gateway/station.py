"""What the gateway knows of one station, as values: every step takes one and returns the next.

A station outlives its connections: transactions and what was written belong to the identity, not to the socket
(faults.md D8). `link` is the connection; None while there is none. Times `_s` are monotonic seconds of this process.
"""

from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Event, LoadStatus, Setpoint, Severity
from services.ocpp_gateway.capability import Learned, Rung
from services.ocpp_gateway.config import OutletPlan, StationPlan
from services.ocpp_gateway.samples import Sampled
from services.ocpp_gateway.session_states import SessionState

FlightKind = Literal[
    "boot",
    "configuration",
    "change",
    "trigger",
    "profile",
    "operator",
    "clear",
    "reset",
    "pause",
    "report",
    "monitor",
    "transaction",
]

TransactionId = int | str
"""1.6: a number that we gave; 2.x: a text that the station gave."""

LOST_S: Final = -1e9
"""When a profile was sent that the station may have lost: it is due again."""

RUNNING: Final[frozenset[LoadStatus]] = frozenset({"charging", "suspended_ev", "suspended_evse"})


class Lease(Struct, frozen=True):
    """The newest setpoint and until when it holds; `cause_s` = when the fact behind it arrived, None = a renewal."""

    setpoint: Setpoint
    until_s: float
    cause_s: float | None = None


class Written(Struct, frozen=True, kw_only=True):
    """A profile that the station accepted; `ends_s` None = it does not end by itself."""

    limit_a: float
    sent_s: float
    since_s: float = LOST_S
    """Since when it has this limit: renewals do not count."""
    ends_s: float | None
    seq: int = 0
    endless: bool = False
    """It should end by itself and cannot: nothing is gained by writing it again."""
    dynamic: bool = False
    """2.1: its limit can be changed without writing it anew; it ends when the station is offline."""
    phases: int | None = None
    """How many lines it says the vehicle may use; None = it says nothing of it, which means all."""
    resumes: bool = False
    """The limit before it was a pause: some stations ignore the first one after that (row 20)."""


class Reading(Struct, frozen=True):
    """Samples and when they reached us."""

    sample: Sampled
    line_a: tuple[float, ...] | None
    at_s: float


class Over(Struct, frozen=True):
    """Draws above the setpoint: since when and in how many samples."""

    since_s: float
    samples: int


class Pause(Struct, frozen=True):
    """A vehicle whose transaction is over because it had to pause: how, and since when."""

    how: Literal["ended", "stopped", "inoperative"]
    since_s: float


class Needs(Struct, frozen=True):
    """What a vehicle told of itself by ISO 15118 (2.x); None = it did not."""

    energy_wh: float | None = None
    max_a: float | None = None
    leaves_at: datetime | None = None


class Sequence(Struct, frozen=True, kw_only=True):
    """2.x: numbers of the events of one transaction that reached us, until the next transaction."""

    transaction: str
    newest: int
    at: datetime | None = None
    """When the newest happened, by the station; None = not told."""
    missing: tuple[int, ...] = ()
    """Numbers between that did not reach us; the newest 64."""
    asked_s: float = -1e9
    asks: int = 0
    settled: bool = False
    """The station says that none of them waits to be sent, or cannot tell."""


class Outlet(Struct, frozen=True, kw_only=True):
    """One connector that a load names."""

    plan: OutletPlan
    status: LoadStatus = "unavailable"
    raw_status: str = ""
    least_a: float = 0.0
    """The least limit its station takes, A; above 0 where it rejects 0 (row 16)."""
    transaction: TransactionId | None = None
    started_s: float | None = None
    start_wh: float | None = None
    open_start: tuple[str, int] | None = None
    ended: tuple[TransactionId, ...] = ()
    sequence: Sequence | None = None
    """2.x: which events of its last transaction reached us."""
    lease: Lease | None = None
    epoch: int = 0
    epoch_s: float = -1e9
    phases: int | None = None
    """How many lines its station was last told to use; None = it was not told in this transaction."""
    phases_refused: bool = False
    """Its station refused a number of lines in this transaction."""
    working: Written | None = None
    default: Written | None = None
    reading: Reading | None = None
    lines_used: int | None = None
    over: Over | None = None
    obeys: bool = True
    evidence: Over | None = None
    """Draws or offers above the limit that call for a repair."""
    less: Over | None = None
    """Offers far below the limit: somebody else's profile may lie over ours."""
    less_stage: int = 0
    """What was done about that in this transaction."""
    stage: int = 0
    """Rungs of the repair ladder taken since it last obeyed."""
    acted_s: float = -1e9
    rest_until_s: float = -1e9
    proven: bool = False
    """A limit that binds was seen to be obeyed, told this way."""
    gap_s: float = 0.0
    """The last gap between samples, rounded."""
    cut_s: float | None = None
    """When a limit below what it drew was accepted; None = it followed since."""
    offers: tuple[float, ...] = ()
    """Different limits that it said it offers."""
    refused_until_s: float = -1e9
    told: tuple[str, float] | None = None
    asked_s: float = -1e9
    pause: Pause | None = None
    pause_asked_s: float = -1e9
    stops_refused: int = 0
    starts: int = 0
    status_s: float = -1e9
    """Since when it has its status."""
    needs: Needs = Needs()
    outside: str = ""
    """Who else limits it, as its station told (2.x): EMS, SO, CSO; "" = nobody."""
    priority: bool = False
    """2.1: its driver chose there to charge as fast as it can."""
    id_tag: str = ""
    """Tag of its last transaction, to start it again; kept in memory only."""
    warned: tuple[str, ...] = ()
    """Kinds of alert that are raised for this outlet now."""


class Step(Struct, frozen=True):
    """A call of the setup sequence; `others` are values to try when this one is rejected."""

    kind: FlightKind
    action: str
    payload: dict[str, Any]
    others: tuple[str, ...] = ()


class Flight(Struct, frozen=True, kw_only=True):
    """Our call that waits for its answer; at most one for each station."""

    kind: FlightKind
    action: str
    payload: dict[str, Any]
    sent_s: float
    connector: int = 0
    rung: Rung | None = None
    written: Written | None = None
    setpoint: Setpoint | None = None
    raised: bool = False
    idle: bool = False
    endless: bool = False
    cause_s: float | None = None
    step: Step | None = None


class Link(Struct, frozen=True, kw_only=True):
    """The connection, and how far setting the station up has come."""

    token: str
    connected_s: float
    state: SessionState = "silent"
    steps: tuple[Step, ...] = ()
    flight: Flight | None = None
    unanswered: int = 0
    asked: tuple[str, dict[str, Any]] | None = None
    version: str = "1.6"


class StationClock(Struct, frozen=True):
    """The station's clock against ours: its UTC − our UTC, s; a candidate is believed when a second one agrees."""

    offset_s: float = 0.0
    candidate_s: float | None = None
    candidate_at_s: float = 0.0


class Station(Struct, frozen=True, kw_only=True):
    """One station, whole."""

    plan: StationPlan
    outlets: tuple[Outlet, ...] = ()
    learned: Learned = Learned()
    link: Link | None = None
    clock: StationClock = StationClock()
    raised_s: float = -1e9
    tried_running: tuple[Rung, ...] = ()
    tried_idle: tuple[Rung, ...] = ()
    out_of_order: LoadStatus | None = None
    """Unavailable or faulted, told for connector 0: the station as a whole."""
    drift_from: tuple[float, float] | None = None
    """When its clock was first read since it booted, and its offset then, s."""
    distrusted: tuple[Rung, ...] = ()
    """Ways that were accepted and not obeyed."""
    strays: tuple[tuple[str, int], ...] = ()
    """1.6: starts on connectors that no load names, as content and id; the content is "" after the stop."""
    report: "Report | None" = None
    monitors: tuple[tuple[int, int], ...] = ()
    """2.1: monitors of ours that it set, (id, EVSE); it keeps them, and a second one is refused as a duplicate."""
    streams: tuple[tuple[int, int], ...] = ()
    """2.1: streams that it opened for them, (id, EVSE)."""


class Moment(Struct, frozen=True, kw_only=True):
    """What a step may know besides the state: the times, an unused transaction id, the key that hashes id tags."""

    now_s: float
    utc: datetime
    fresh_id: int = 0
    tag_key: bytes = b""


class Report(Struct, frozen=True):
    """2.x: what a station tells of itself in several messages, as far as it has come; empty `parts` = nothing yet."""

    request: int
    parts: tuple[dict[str, Any], ...] = ()


class Reported(Struct, frozen=True):
    """A report that somebody waits for is whole."""

    report: Report


class Changed(Struct, frozen=True):
    """Publish the load's state now."""

    connector: int


class Tell(Struct, frozen=True):
    """Publish a result or an alert."""

    event: Event


class Warn(Struct, frozen=True, kw_only=True):
    """Publish an alert of this station's site."""

    kind: str
    about: str
    active: bool
    severity: Severity
    text: str
    remedy: str


class Keep(Struct, frozen=True):
    """Store a transaction event; the answer waits for the stream's acknowledgement."""

    event: Event
    message_id: str


class Remember(Struct, frozen=True):
    """Write what was learned, or an open transaction, into the station's record."""


class Measure(Struct, frozen=True):
    """The whole way from a meter reading to an accepted profile took so long; for the histogram."""

    direction: Literal["cut", "raise"]
    took_s: float


class Hangup(Struct, frozen=True):
    """Close the socket: the station no longer answers."""

    why: str


Output = Changed | Tell | Warn | Keep | Remember | Measure | Hangup | Reported


def new_station(plan: StationPlan) -> Station:
    """Return a station of which nothing is known but the site file."""
    return with_least(Station(plan=plan, outlets=tuple(Outlet(plan=outlet) for outlet in plan.outlets)))


def with_plan(station: Station, plan: StationPlan) -> Station:
    """Return `station` under a new site file: outlets that stay keep what is known of them."""
    known = {outlet.plan.connector: outlet for outlet in station.outlets}
    outlets = tuple(
        replace(known[outlet.connector], plan=outlet) if outlet.connector in known else Outlet(plan=outlet)
        for outlet in plan.outlets
    )
    return with_least(replace(station, plan=plan, outlets=outlets))


def with_least(station: Station) -> Station:
    """Return `station` with the least limit of each outlet: as pinned, or where it was learned that 0 A is rejected."""
    pinned = station.plan.overrides.get("min_a")
    zero = station.plan.overrides.get("zero") or station.learned.zero
    if pinned is None and zero != "rejected":
        return station
    return replace(
        station,
        outlets=tuple(
            replace(outlet, least_a=outlet.plan.min_a if pinned is None else float(pinned))
            for outlet in station.outlets
        ),
    )


def outlet_at(station: Station, connector: int) -> Outlet | None:
    """Return the outlet of `connector`, None when no load names it."""
    for outlet in station.outlets:
        if outlet.plan.connector == connector:
            return outlet
    return None


def meant_by(station: Station, connector: int) -> Outlet | None:
    """Return the outlet that a message is about; connector 0 means the only outlet of a station that has one."""
    if connector == 0 and len(station.outlets) == 1:
        return station.outlets[0]
    return outlet_at(station, connector)


def with_outlet(station: Station, outlet: Outlet) -> Station:
    """Return `station` with this outlet in the place of the one with the same connector."""
    if len(station.outlets) == 1:
        return replace(station, outlets=(outlet,))
    return replace(
        station,
        outlets=tuple(outlet if old.plan.connector == outlet.plan.connector else old for old in station.outlets),
    )


def with_profiles_due(station: Station) -> Station:
    """Return `station` with every profile that it holds due again: it may have lost them."""
    return replace(station, outlets=tuple(_due_again(outlet) for outlet in station.outlets))


def _due_again(outlet: Outlet) -> Outlet:
    working, default = outlet.working, outlet.default
    return replace(
        outlet,
        working=None if working is None else replace(working, sent_s=LOST_S),
        default=None if default is None else replace(default, sent_s=LOST_S),
    )


def is_running(outlet: Outlet) -> bool:
    """Tell whether a vehicle is being served: a transaction, or a status that has one."""
    return outlet.transaction is not None or outlet.status in RUNNING
