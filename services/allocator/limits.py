"""What the site's surroundings leave for its loads, as caps on sums of load currents over sets of phases.

With ℓ_p the current of all loads on phase p, b_p what is drawn there beside them (household less sun) and d_p the
measured battery discharge, every limit of the grid connection reads Σ_{p∈A} ℓ_p ≤ cap[A] for some sets A of phases:

* breaker, phase p:       cap[{p}] = limit + d_p − b_p
* import, every set A:    cap[A]   = import + Σ_A (d_p − b_p), which together say Σ max(0, net_p) ≤ import
* surplus, phase p:       cap[{p}] = D/n − b_p            (D: discharge that solar modes may count on)
* net metering:           cap[all] = D − Σ b_p

An asymmetric inverter fills the phases' needs in equal amounts up to M each from a total T = sun + discharge. There
surplus is cap[Q] = T − M·(phases it cannot cover) − Σ_Q h_p with cap[{p}] = M − h_p, and a phase exceeds the breaker
exactly when n_p − limit > M or Σ_q min(n_q, M, n_p − limit) > T: the one test that is not linear (`Sharing`).
"""

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Bound
from evenload.contracts.phases import PHASES
from services.allocator.plan import MASK_PHASES, MASK_SIZE, Plan

FREE_MA = 10**9
NO_IMPORT_TOLERANCE_MA = 20
BREAKER = tuple(Bound(kind="breaker", phase=PHASES[mask.bit_length() - 1] if mask else None) for mask in range(8))
IMPORT = Bound(kind="import")
SUPPLY = Bound(kind="supply")
SURPLUS = Bound(kind="surplus")
NO_IMPORT = Bound(kind="no_import")
EXCESS = Bound(kind="excess")


class Surroundings(Struct, frozen=True, kw_only=True):
    """What is beside the loads, in mA per phase; `base` = household less sun, before any battery."""

    base_ma: tuple[int, int, int]
    household_ma: tuple[int, int, int]
    discharge_ma: tuple[int, int, int] = (0, 0, 0)
    solar_ma: int = 0
    surplus_discharge_ma: int = 0
    no_import_discharge_ma: int = 0
    battery_charge_ma: int = 0
    battery_first: bool = False
    battery_full: bool = False
    foreign_ma: tuple[int, ...] = ()
    outside_import_ma: int | None = None
    outside_managed_ma: int | None = None
    outside_import: str = ""
    outside_managed: str = ""
    unseen_ma: tuple[tuple[int, int, int], ...] = ()
    """Other households behind an asymmetric inverter that explain the readings too; a start must fit all of them."""


class Sharing(Struct, frozen=True):
    """An asymmetric inverter's effect on the breaker; currents in mA."""

    household_ma: tuple[int, int, int]
    phases: tuple[int, ...]
    total_ma: int
    per_phase_ma: int
    limit_ma: int

    def holds(self, used_ma: list[int], _on_mask: int) -> bool:
        """Tell whether no phase exceeds the breaker with `used_ma` of loads on each phase."""
        needs = [max(0, self.household_ma[phase] + used_ma[phase]) for phase in self.phases]
        most = self.per_phase_ma
        for need in needs:
            over = need - self.limit_ma
            if over <= 0:
                continue
            if over > most or sum(min(other, over) for other in needs) > self.total_ma:
                return False
        return True


class Nulling(Struct, frozen=True):
    """The ban on import behind a symmetric inverter: net_p = b_p + ℓ_p − clip(Σ(b + ℓ), −charge, discharge) / n."""

    base_ma: tuple[int, int, int]
    phases: tuple[int, ...]
    charge_ma: int
    discharge_ma: int

    def holds(self, used_ma: list[int], on_mask: int) -> bool:
        """Tell whether no phase with a load that is on would import more than the tolerance."""
        needs = [self.base_ma[phase] + used_ma[phase] for phase in self.phases]
        count = len(self.phases)
        battery_ma = min(max(sum(needs), -self.charge_ma), self.discharge_ma)
        return all(
            (need - NO_IMPORT_TOLERANCE_MA) * count <= battery_ma
            for phase, need in zip(self.phases, needs, strict=True)
            if on_mask >> phase & 1
        )


class Caps(Struct, frozen=True, kw_only=True):
    """All limits at the top of the site; index = mask of phases, `FREE_MA` = none."""

    hard_ma: tuple[int, ...]
    hard_bound: tuple[Bound, ...]
    solar: tuple[tuple[int, int], ...]
    surplus_ma: int
    excess_threshold_ma: int
    battery_first: bool
    battery_full: bool
    bent: tuple[tuple[Sharing | Nulling, Bound], ...]
    """Limits that are not linear, each with its name."""
    node_ma: tuple[int, ...]
    active: tuple[int, ...]
    """The masks on which a hard limit is."""


def caps_for(plan: Plan, around: Surroundings) -> Caps:
    """Return the caps of a site in its surroundings."""
    hard = [FREE_MA] * 8
    bounds = list(BREAKER)
    asymmetric = plan.inverter.asymmetric and plan.phase_count > 1
    sharing = _sharing(plan, around) if asymmetric and plan.limit_ma is not None else None
    if plan.limit_ma is None:
        _off_grid(plan, around, (hard, bounds))
    else:
        _breaker(plan.limit_ma, plan, around, (hard, sharing))
    _import(plan, around, (hard, bounds), sharing)
    nulling = _no_import(plan, around, (hard, bounds), asymmetric)
    _managed(plan, around, hard, bounds)
    solar = _solar(plan, around, around.surplus_discharge_ma, asymmetric)
    battery = plan.battery
    raised_w = battery.max_charge_w if battery is not None and around.battery_first else 0.0
    return Caps(
        hard_ma=tuple(hard),
        hard_bound=tuple(bounds),
        solar=tuple(sorted(solar.items())),
        surplus_ma=-sum(around.base_ma),
        excess_threshold_ma=plan.watts_ma(plan.site.excess_threshold_w + raised_w),
        battery_first=around.battery_first,
        battery_full=around.battery_full,
        bent=(((sharing, BREAKER[0]),) if sharing else ()) + (((nulling, NO_IMPORT),) if nulling else ()),
        node_ma=_node_residuals(plan, around),
        active=tuple([mask for mask in range(1, 8) if hard[mask] < FREE_MA]),
    )


def _per_phase_ma(plan: Plan) -> int:
    limit_w = plan.inverter.max_per_phase_w
    return plan.watts_ma(limit_w) if limit_w is not None else FREE_MA // 8


def _capacity_ma(plan: Plan, total_ma: int) -> int:
    """Return `total_ma` of sun and discharge as far as the inverter's `max_w` lets it through."""
    limit_w = plan.inverter.max_w
    return total_ma if limit_w is None else min(total_ma, plan.watts_ma(limit_w))


def unseen_limits(plan: Plan, around: Surroundings) -> list[Sharing]:
    """Return the breaker's limit under each household that may be behind the readings as well."""
    return [_sharing(plan, replace(around, household_ma=house_ma)) for house_ma in around.unseen_ma]


def _sharing(plan: Plan, around: Surroundings) -> Sharing:
    assert plan.limit_ma is not None
    return Sharing(
        household_ma=around.household_ma,
        phases=MASK_PHASES[plan.site_mask],
        total_ma=around.solar_ma + sum(around.discharge_ma),
        per_phase_ma=_per_phase_ma(plan),
        limit_ma=plan.limit_ma,
    )


def _breaker(limit_ma: int, plan: Plan, around: Surroundings, limits: tuple[list[int], Sharing | None]) -> None:
    hard, sharing = limits
    for phase in MASK_PHASES[plan.site_mask]:
        if sharing is not None:
            hard[1 << phase] = limit_ma + sharing.per_phase_ma - around.household_ma[phase]
        else:
            hard[1 << phase] = limit_ma + around.discharge_ma[phase] - around.base_ma[phase]


def _off_grid(plan: Plan, around: Surroundings, limits: tuple[list[int], list[Bound]]) -> None:
    """Without a grid, sun and battery carry everything: their total, and the inverter's limit per phase."""
    total_ma = _capacity_ma(plan, around.solar_ma + around.no_import_discharge_ma)
    _lower(limits, plan.site_mask, total_ma - sum(around.household_ma), SUPPLY)
    if plan.inverter.max_per_phase_w is not None:
        most_ma = _per_phase_ma(plan)
        for phase in MASK_PHASES[plan.site_mask]:
            bound = Bound(kind="supply", phase=PHASES[phase])
            _lower(limits, 1 << phase, most_ma - around.household_ma[phase], bound)


def _import(plan: Plan, around: Surroundings, limits: tuple[list[int], list[Bound]], sharing: Sharing | None) -> None:
    if plan.limit_ma is None:
        return
    sources = [(plan.import_ma, IMPORT)]
    sources.append((around.outside_import_ma, Bound(kind="outside", name=around.outside_import)))
    for import_ma, bound in sources:
        if import_ma is None:
            continue
        for mask in range(1, 8):
            if mask & ~plan.site_mask:
                continue
            _lower(limits, mask, _import_cap(import_ma, mask, around, sharing), bound)
        if sharing is not None:
            _lower(limits, plan.site_mask, import_ma + sharing.total_ma - sum(sharing.household_ma), bound)


def _import_cap(import_ma: int, mask: int, around: Surroundings, sharing: Sharing | None) -> int:
    phases = MASK_PHASES[mask]
    if sharing is not None:
        return import_ma + MASK_SIZE[mask] * sharing.per_phase_ma - sum(sharing.household_ma[p] for p in phases)
    return import_ma + sum(around.discharge_ma[p] - around.base_ma[p] for p in phases)


def _lower(limits: tuple[list[int], list[Bound]], mask: int, cap_ma: int, bound: Bound) -> None:
    hard, bounds = limits
    if cap_ma < hard[mask]:
        hard[mask], bounds[mask] = cap_ma, bound


def _no_import(
    plan: Plan, around: Surroundings, limits: tuple[list[int], list[Bound]], asymmetric: bool
) -> Nulling | None:
    """With `grid_charging: false` every load lives from sun and battery, within 20 mA of meter resolution."""
    battery = plan.battery
    if battery is None or battery.grid_charging or plan.site.grid is None:
        return None
    if plan.site.grid.metering == "per_phase" and not asymmetric:
        return Nulling(
            around.base_ma, MASK_PHASES[plan.site_mask], around.battery_charge_ma, around.no_import_discharge_ma
        )
    for mask, cap_ma in _solar(plan, around, around.no_import_discharge_ma, asymmetric).items():
        _lower(limits, mask, cap_ma + NO_IMPORT_TOLERANCE_MA, NO_IMPORT)
    return None


def _managed(plan: Plan, around: Surroundings, hard: list[int], bounds: list[Bound]) -> None:
    """An outside limit on what the loads draw from the grid; the site's own surplus comes on top."""
    if around.outside_managed_ma is None:
        return
    cap_ma = around.outside_managed_ma + max(0, -sum(around.base_ma))
    _lower((hard, bounds), plan.site_mask, cap_ma, Bound(kind="outside", name=around.outside_managed))


def _solar(plan: Plan, around: Surroundings, discharge_ma: int, asymmetric: bool) -> dict[int, int]:
    """Return the caps under which no phase that a load uses imports, counting `discharge_ma` of battery."""
    if plan.limit_ma is None or (plan.site.grid is not None and plan.site.grid.metering == "net"):
        return {plan.site_mask: discharge_ma - sum(around.base_ma)}
    if asymmetric:
        return _asymmetric_surplus(plan, around, discharge_ma)
    each_ma = discharge_ma // plan.phase_count
    return {1 << phase: each_ma - around.base_ma[phase] for phase in MASK_PHASES[plan.site_mask]}


def _asymmetric_surplus(plan: Plan, around: Surroundings, discharge_ma: int) -> dict[int, int]:
    most_ma = _per_phase_ma(plan)
    total_ma = _capacity_ma(plan, around.solar_ma + discharge_ma)
    phases = MASK_PHASES[plan.site_mask]
    covered = [phase for phase in phases if around.household_ma[phase] <= most_ma]
    caps = {1 << phase: most_ma - around.household_ma[phase] for phase in phases}
    left_ma = total_ma - most_ma * (len(phases) - len(covered)) - sum(around.household_ma[p] for p in covered)
    mask = sum(1 << phase for phase in covered)
    if mask:
        caps[mask] = min(left_ma, caps.get(mask, FREE_MA))
    return caps


def _node_residuals(plan: Plan, around: Surroundings) -> tuple[int, ...]:
    limits = [node.limit_ma for node in plan.nodes for _ in range(3)]
    if around.foreign_ma:
        return tuple(limit - foreign for limit, foreign in zip(limits, around.foreign_ma, strict=True))
    return tuple(limits)
