"""Small sites, decisions about them, and a home that lives from second to second around the real core."""

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from evenload.contracts.events import Alert, LoadDecision, LoadState, Mode, SiteLimit
from evenload.contracts.phases import PHASES, PerPhase, Phase
from evenload.site.schema import Battery, Evse, Grid, Load, Plug, Site
from services.allocator.facts import Facts, Heard
from services.allocator.limits import Surroundings, caps_for
from services.allocator.plan import compile_plan
from services.allocator.share import Share, allocate
from services.allocator.sources import Want
from tests.property.allocator.cases import World, surroundings_of
from tests.property.allocator.ideal import NOW, Around, Loop
from tests.property.allocator.rules import order_of

ALL: tuple[Phase, ...] = PHASES


def evse(mode: Mode = "standard", **values: Any) -> Evse:
    """Return an outlet of 6 to 16 A on all phases."""
    return Evse(mode=mode, **values)


def plug(power_w: float = 2000.0, mode: Mode = "standard", **values: Any) -> Plug:
    """Return a plug on L1."""
    return Plug(power_w=power_w, mode=mode, **{"phases": ("L1",), **values})


def site(loads: Mapping[str, Load], **values: Any) -> Site:
    """Return a site of three phases behind 25 A with no margin."""
    return Site(site="home", loads=dict(loads), **{"grid": Grid(breaker_a=25.0, margin_a=0.0), **values})


def battery(**values: Any) -> Battery:
    """Return a battery of 2,300 W (10 A) either way, target 80 %."""
    return Battery(**{"max_charge_w": 2300.0, "max_discharge_w": 2300.0, **values})


def beside(
    where: Site,
    house_a: tuple[float, float, float] = (0.0, 0.0, 0.0),
    sun_a: float = 0.0,
    discharge_a: float = 0.0,
    soc_pct: float | None = None,
) -> Surroundings:
    """Return what is beside the loads: A per phase; sun and discharge in A over all phases."""
    one, two, three = (round(value * 1000) for value in house_a)
    world = World((one, two, three), round(sun_a * 1000), round(discharge_a * 1000))
    return surroundings_of(where, world, soc_pct)


def shared_out(where: Site, around: Surroundings, **wants: Any) -> dict[str, Share]:
    """Return the joint decision; all loads are active. `wants` = load → changed fields of its want."""
    plan = compile_plan(where)
    index = {load.name: load for load in plan.loads}
    names = order_of(where, [name for name, load in where.loads.items() if load.mode != "off"])
    asked = tuple(structs.replace(Want(index[n].index, index[n].max_ma), **wants.get(n, {})) for n in names)
    found = allocate(plan, plan.loads, caps_for(plan, around), (asked, ()))
    return {load.name: found[load.index] for load in plan.loads}


def amps(where: Site, around: Surroundings) -> dict[str, float]:
    """Return what each load gets, A."""
    return {name: share.given_ma / 1000 for name, share in shared_out(where, around).items()}


class Home(Loop):
    """A site in motion. Loads draw their setpoint at once, unless `draws_a` says otherwise.

    `tells` changes what a load's state says, `silent` names meters and loads that say nothing new, `reads` changes
    what a meter says, `uses` the lines that a vehicle draws on.
    """

    def __init__(
        self,
        where: Site,
        house_a: tuple[float, float, float] = (0.0, 0.0, 0.0),
        sun_a: float = 0.0,
        soc_pct: float | None = None,
        idle: tuple[str, ...] = (),
    ) -> None:
        super().__init__(where, Around((0, 0, 0), 0, soc_pct), frozenset(idle))
        self.draws_a: dict[str, float] = {}
        self.tells: dict[str, dict[str, Any]] = {}
        self.reads: dict[str, dict[str, Any]] = {}
        self.silent: set[str] = set()
        self.uses: dict[str, tuple[Phase, ...]] = {}
        self._heard = Facts()
        self.now(house_a, sun_a)

    def now(self, house_a: tuple[float, float, float] = (0.0, 0.0, 0.0), sun_a: float = 0.0) -> "Home":
        """Change house (A per phase) and sun (A over all phases)."""
        one, two, three = (round(value * 1000) for value in house_a)
        self.around = Around((one, two, three), round(sun_a * 1000), self.around.soc_pct)
        return self

    def charge(self, soc_pct: float | None) -> "Home":
        """Change the battery's soc."""
        self.around = Around(self.around.household_ma, self.around.solar_ma, soc_pct)
        return self

    def limit(self, source: str, **values: Any) -> "Home":
        """Let an outside limit arrive now."""
        event = SiteLimit(site=self.site.site, source=source, issued_at=NOW, **values)
        self.limits[source] = Heard(event, self.now_s)
        return self

    def pass_s(self, seconds: int) -> "Home":
        """Let so many seconds pass, with a decision in each."""
        self.run(seconds)
        return self

    def told(self, kind: str, seconds: int) -> list[Alert]:
        """Let so many seconds pass; return the alerts of a kind that came within them."""
        found = []
        for _ in range(seconds):
            outcome = self.pass_s(1).outcome
            assert outcome is not None
            found += [alert for alert in outcome.alerts if alert.kind == kind]
        return found

    def amps(self, name: str) -> float:
        """Return the setpoint that a load has, A."""
        return self.setpoints[name] / 1000

    def line(self, name: str) -> LoadDecision:
        """Return what the newest decision says of a load."""
        assert self.outcome is not None
        return next(line for line in self.outcome.decision.loads if line.load == name)

    def drawn_ma(self, name: str) -> int:
        """Return what a load draws per line."""
        if name in self.draws_a:
            return round(self.draws_a[name] * 1000)
        return super().drawn_ma(name)

    def lines_of(self, name: str) -> tuple[Phase, ...]:
        """Return the site phases that a load draws on."""
        return self.uses.get(name) or super().lines_of(name)

    def becomes(self, **loads: Load) -> "Home":
        """Change loads in the site file."""
        self.site = structs.replace(self.site, loads={**self.site.loads, **loads})
        self.plan = compile_plan(self.site)
        return self

    def facts(self) -> Facts:
        """Return what is heard; who is silent keeps saying what it said last."""
        fresh = super().facts()
        readings = {name: self._newest(name, fresh.readings, self._heard.readings) for name in fresh.readings}
        loads = {name: self._newest(name, fresh.loads, self._heard.loads) for name in fresh.loads}
        for name, values in self.reads.items():
            readings[name] = Heard(structs.replace(readings[name].event, **values), readings[name].at_s)
        for name, values in self.tells.items():
            loads[name] = Heard(structs.replace(loads[name].event, **values), loads[name].at_s)
        self._heard = structs.replace(fresh, readings=readings, loads=loads)
        return self._heard

    def _newest(self, name: str, fresh: Mapping[str, Any], old: Mapping[str, Any]) -> Any:
        return old[name] if name in self.silent and name in old else fresh[name]


def state(name: str, **values: Any) -> LoadState:
    """Return a charging load's state."""
    return LoadState(site="home", load=name, measured_at=NOW, **{"status": "charging", "measured_age_s": 0.0, **values})


def on_all(current_a: float) -> PerPhase:
    """Return the same current on all three phases."""
    return PerPhase(current_a, current_a, current_a)
