"""What a scenario says: a site, the physical facts around it, what changes when, and what must come out.

The format is design.md section 6, plus for the project's own scenarios: `base` (a scenario to start from), `timeline`
(facts, faults and site changes at times, with expectations at times) and `always` (bounds that hold at every
decision, beyond the standing invariants of `invariants.py`). Currents are A, per phase for the house and per line for
loads; powers are W over all phases.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from evenload.contracts.events import AskedMode, LoadStatus
from evenload.contracts.limits import LimitState
from evenload.contracts.phases import Phase
from evenload.contracts.plan_events import ForecastKind
from evenload.contracts.units import Utc
from evenload.site.schema import Site

TOLERANCE_A = 0.15
"""A settled value may differ by so much from the expected one."""

FaultKind = Literal[
    "meter_silent",
    "meter_frozen",
    "meter_thousandth",
    "meter_returns",
    "link_lost",
    "link_back",
    "allocator_dies",
    "allocator_returns",
    "memory_lost",
    "gateway_restarts",
]
ScenarioSeconds = Annotated[float, Meta(ge=0, le=86_400)]
Current = Annotated[float, Meta(ge=0, le=10_000)]
Power = Annotated[float, Meta(ge=0, le=10_000_000)]
Soc = Annotated[float, Meta(ge=0, le=100)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of a scenario file."""


class MeterFacts(Part, frozen=True, kw_only=True):
    """Which meters there are beside the grid's and the battery's, and how good they are."""

    solar: Annotated[bool, Meta(description="a meter of the total production")] = False
    inverter: Annotated[bool | None, Meta(description="a meter of the inverter's output; none = off-grid only")] = None
    period_s: Annotated[float, Meta(gt=0, le=60, description="time between readings")] = 1.0
    delay_s: Annotated[float, Meta(ge=0, le=10, description="from measuring to arrival")] = 0.0
    noise_a: Annotated[float, Meta(ge=0, le=10, description="largest error of the grid meter, A per phase")] = 0.0
    inverted: Annotated[bool, Meta(description="the grid meter shows import as export")] = False
    wired: Annotated[
        tuple[Phase, ...] | None,
        Meta(description="site phases that the grid meter's lines really measure; none = L1, L2, L3 as it says"),
    ] = None


class LoadFacts(Part, frozen=True, kw_only=True):
    """A vehicle or a switched device."""

    status: LoadStatus = "charging"
    lines: Annotated[int, Meta(ge=1, le=3, description="lines the vehicle uses; none = all")] | None = None
    wired: Annotated[
        tuple[Phase, ...] | None,
        Meta(description="site phases its lines are really on; none = as the site file says"),
    ] = None
    lag_s: Annotated[float, Meta(ge=0, le=30, description="from offer to draw")] = 2.0
    tau_s: Annotated[float, Meta(ge=0, le=30, description="then follows like a first-order lag of so long")] = 0.0
    offset_a: Annotated[float, Meta(ge=0, le=10, description="draws so much less than offered, A")] = 0.0
    own_max_a: Annotated[Current, Meta(description="the vehicle's own limit, A per line")] = 1_000.0
    draws_w: Annotated[
        Annotated[float, Meta(ge=0, le=100_000)] | None,
        Meta(description="what a device draws when on; none = its rating"),
    ] = None
    extra_a: Annotated[Current, Meta(description="draws so much more than offered, A")] = 0.0
    fault: Annotated[
        str | None, Meta(description="its station behaves as this one of station_faults.py; none = as it should")
    ] = None
    stuck_on: Annotated[bool, Meta(description="a relay that never opens")] = False


class LimitFacts(Part, frozen=True, kw_only=True):
    """An outside limit, as its source would send it."""

    scope: Literal["import", "managed"] = "import"
    limit_w: Power | None = None
    floor_w: Power | None = None
    valid_s: ScenarioSeconds | None = None
    failsafe_w: Power = 4200.0


class FeedFacts(Part, frozen=True, kw_only=True):
    """A feed of outside limits that the site file names: what it says, and how often."""

    says: Annotated[
        Annotated[float, Meta(ge=-1e9, le=1e9)] | bool | str | None,
        Meta(description="a number, a contact's state, a text; null lifts the limit"),
    ] = None
    every_s: Annotated[float, Meta(ge=0.5, le=3600, description="from one message to the next")] = 10.0
    writes: Annotated[bool, Meta(description="false: signs of life only, no limit")] = True
    silent: Annotated[bool, Meta(description="it says nothing at all")] = False


class ThermalFacts(Part, frozen=True, kw_only=True):
    """A tank or a room that a load heats or cools, as one mass of first order."""

    temperature_c: Annotated[float, Meta(ge=-40, le=150, description="at the start; another value puts it there")]
    capacity_wh_per_k: Annotated[float, Meta(gt=0, le=1e6, description="200 l of water: 233")] = 233.0
    loss_w_per_k: Annotated[float, Meta(ge=0, le=1e5)] = 2.0
    ambient_c: Annotated[float, Meta(ge=-40, le=60)] = 20.0
    gain_w: Annotated[float, Meta(ge=-1e5, le=1e5, description="heat from elsewhere; negative: water drawn")] = 0.0
    factor: Annotated[
        float,
        Meta(ge=-10, le=10, description="heat for each W of electricity: 1 an element, 3 a heat pump, −3 cooling"),
    ] = 1.0
    says_c: Annotated[
        Annotated[float, Meta(ge=-1000, le=1000)] | None, Meta(description="what its sensor says instead of the truth")
    ] = None
    keeps_c: Annotated[
        Annotated[float, Meta(ge=-40, le=150)] | None,
        Meta(
            description="its device's own thermostat: draws nothing from here on, again 1 K below; none = it has none"
        ),
    ] = None
    raised_k: Annotated[
        float, Meta(ge=0, le=50, description="its thermostat keeps so much more while it is let draw above its power_w")
    ] = 0.0


class ForecastFacts(Part, frozen=True, kw_only=True):
    """What is known of the time from `at_s` on: a price per kWh, CO2 in g/kWh, or the sun in W."""

    at_s: Annotated[float, Meta(ge=-86_400, le=172_800)]
    value: Annotated[float, Meta(ge=-1_000_000, le=10_000_000)]


class HandFacts(Part, frozen=True, kw_only=True):
    """What is set by hand for a load."""

    mode: AskedMode | None = None
    target_c: Annotated[float, Meta(ge=-40, le=150)] | None = None


class Given(Part, frozen=True, kw_only=True):
    """The physical facts at the start."""

    household_a: dict[Phase, Current] = field(default_factory=dict)
    solar_w: Power = 0.0
    soc_pct: Soc | None = None
    capacity_wh: Annotated[Power | None, Meta(description="the battery's size; none keeps the soc as it is")] = None
    battery_answer_s: Annotated[float, Meta(ge=0, le=10)] = 1.0
    circuit_a: Annotated[
        dict[str, dict[Phase, Current]], Meta(description="foreign draw below a metered circuit, part of the house")
    ] = field(default_factory=dict)
    meters: MeterFacts = field(default_factory=MeterFacts)
    loads: dict[str, LoadFacts] = field(default_factory=dict)
    limits: dict[str, LimitFacts] = field(default_factory=dict)
    feeds: dict[str, FeedFacts] = field(default_factory=dict)
    thermal: dict[str, ThermalFacts] = field(default_factory=dict)
    by_hand: dict[str, HandFacts] = field(default_factory=dict)
    forecasts: Annotated[
        dict[ForecastKind, tuple[ForecastFacts, ...]],
        Meta(description="what the planner hears of the hours to come; the last value holds for an hour"),
    ] = field(default_factory=dict)
    seed: int = 0


class LoadExpect(Part, frozen=True, kw_only=True):
    """What must come out for a load; each named value within `TOLERANCE_A`, the reason as a part of the text."""

    setpoint_a: Current | None = None
    could_get_a: Current | None = None
    draws_a: Annotated[Current | None, Meta(description="what it really draws, A per line")] = None
    at_least_a: Annotated[Current | None, Meta(description="lower bound of the setpoint")] = None
    at_most_a: Annotated[Current | None, Meta(description="upper bound of the setpoint")] = None
    lines: Annotated[int | None, Meta(description="on how many lines it could draw now")] = None
    alarm: Annotated[str | None, Meta(description="an alert of the allocator that stands about it")] = None
    reason: str | None = None
    at_least_c: Annotated[float | None, Meta(description="lower bound of its tank's or room's true temperature")] = None
    at_most_c: Annotated[float | None, Meta(description="upper bound of it")] = None
    alerts: Annotated[
        tuple[str, ...] | None, Meta(description="kinds of alert that plug_control has standing about it, all of them")
    ] = None


class LimitExpect(Part, frozen=True, kw_only=True):
    """What must be in force of a source of outside limits."""

    state: LimitState | None = None
    limit_w: Annotated[Power | None, Meta(description="what is in force, within 1 W")] = None
    followed: Annotated[bool | None, Meta(description="was the site measured within it since it took force")] = None
    alert: Annotated[bool | None, Meta(description="does the alert of a lost source stand")] = None


class Fault(Part, frozen=True, kw_only=True):
    """Something breaks or is repaired; `about` names the meter or load."""

    kind: FaultKind
    about: str = "grid"


class Moment(Part, frozen=True, kw_only=True):
    """One entry of the timeline. Expectations are compared first, then the changes come into force."""

    at_s: ScenarioSeconds
    given: Annotated[dict[str, Any], Meta(description="facts that change, merged into those in force")] = {}
    site: Annotated[dict[str, Any], Meta(description="changes of the site file, merged into the one in force")] = {}
    fault: Fault | None = None
    expect: dict[str, LoadExpect] = field(default_factory=dict)
    expect_limits: dict[str, LimitExpect] = field(default_factory=dict)
    why: str = ""


class Document(Part, frozen=True, kw_only=True):
    """One scenario as written; `site` and `given` are merged over those of `base`."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    why: str = ""
    theme: str = ""
    checked_by: str = ""
    base: str | None = None
    starts_at: Annotated[
        Utc | None, Meta(description="when it starts, with its offset; none = a summer day at noon")
    ] = None
    site: dict[str, Any]
    given: Given
    course: Annotated[
        dict[str, Any] | None, Meta(description="sun, house, weather and hot water of a day: the keys of course.py")
    ] = None
    expect: dict[str, LoadExpect] = field(default_factory=dict)
    expect_limits: dict[str, LimitExpect] = field(default_factory=dict)
    timeline: tuple[Moment, ...] = ()
    always: Annotated[
        dict[str, LoadExpect],
        Meta(description="what holds at every decision; at_least_a and at_most_a are of use here"),
    ] = field(default_factory=dict)


class Scenario(Struct, frozen=True, kw_only=True):
    """A scenario ready to run: `sites` and `givens` hold what is in force from the start and after each moment."""

    file: str
    name: str
    why: str
    site: Site
    given: Given
    expect: dict[str, LoadExpect]
    moments: tuple["Turn", ...]
    always: dict[str, LoadExpect]
    starts_at: datetime | None = None
    expect_limits: dict[str, LimitExpect] = {}


class Turn(Struct, frozen=True, kw_only=True):
    """A moment with its changes merged: what is in force from `at_s` on (None = as before)."""

    at_s: float
    given: Given | None
    site: Site | None
    fault: Fault | None
    expect: dict[str, LoadExpect]
    expect_limits: dict[str, LimitExpect] = {}
