"""The physical site in virtual time: where solar, battery, house and loads send their current.

Per phase p: net_p = household_p − solar_p − battery_p + Σ draws on p; + is import. All functions are pure.

* Symmetric inverter: solar and battery are shared evenly over the site's phases. Asymmetric: their total is shared in
  equal amounts over the phases, each up to its need and `max_per_phase_w`; what is left goes equally to all up to
  `max_per_phase_w`.
* The battery minimises the grid's flow: with a deficit and soc ≥ soc_min it discharges min(deficit, max_discharge,
  what `max_w` leaves beside solar); with a surplus and soc < 97 % it charges min(surplus, max_charge). It answers
  `answer_s` after the flows changed.
* An inverter's output meter shows solar in parallel wiring, and all that flows to house and loads in series wiring.
* Off-grid: net is 0 by definition; what nobody can use is curtailed at the inverter's output. A solar meter shows
  what the sun would give.
"""

from dataclasses import dataclass

from evenload.site.schema import Battery, Inverter, Site

FULL_PCT = 97.0
"""At this soc and above the battery charges no more."""
_EPS_W = 1e-6

PhaseValues = tuple[float, ...]
"""One number for each of the site's phases, in the site's order."""


@dataclass(frozen=True)
class PlantConfig:
    """What does not change while a plant runs."""

    phases: int
    voltage_v: float
    on_grid: bool
    inverter: Inverter
    battery: Battery | None
    answer_s: float = 1.0
    capacity_wh: float | None = None


@dataclass(frozen=True)
class Surroundings:
    """House and sun: A per phase (uncontrolled), W in total."""

    household_a: PhaseValues
    solar_w: float


@dataclass(frozen=True)
class Flows:
    """A per phase: net + import, solar and battery + towards the site, output as the inverter's meter shows it."""

    net_a: PhaseValues
    solar_a: PhaseValues
    battery_a: PhaseValues
    output_a: PhaseValues


def plant_config(site: Site, answer_s: float = 1.0, capacity_wh: float | None = None) -> PlantConfig:
    """Return the plant that the site file describes; `capacity_wh` None keeps the soc as it is."""
    return PlantConfig(
        phases=len(site.phases),
        voltage_v=site.voltage_v,
        on_grid=site.grid is not None,
        inverter=site.inverter or Inverter(),
        battery=site.battery,
        answer_s=answer_s,
        capacity_wh=capacity_wh,
    )


def battery_answer_w(config: PlantConfig, around: Surroundings, draws_a: PhaseValues, soc_pct: float | None) -> float:
    """Return what the battery does once it has answered, W, + discharging; 0 without a battery."""
    battery = config.battery
    if battery is None or soc_pct is None:
        return 0.0
    need_w = (sum(around.household_a) + sum(draws_a)) * config.voltage_v - around.solar_w
    if need_w > _EPS_W and soc_pct >= battery.soc_min_pct:
        beside_solar_w = _or_endless(config.inverter.max_w) - around.solar_w
        return max(0.0, min(need_w, battery.max_discharge_w, beside_solar_w))
    if need_w < -_EPS_W and soc_pct < FULL_PCT:
        return -min(-need_w, battery.max_charge_w)
    return 0.0


def flows(config: PlantConfig, around: Surroundings, draws_a: PhaseValues, battery_w: float) -> Flows:
    """Return all currents for what house, sun, loads and battery do now."""
    used_a, total_a = _used_and_made(config, around, draws_a, battery_w)
    solar_a = _solar_part(config, total_a, around.solar_w, battery_w)
    battery_a = tuple(total - solar for total, solar in zip(total_a, solar_a, strict=True))
    return Flows(
        net_a=_net(config, used_a, total_a),
        solar_a=solar_a,
        battery_a=battery_a,
        output_a=_output(config, used_a, solar_a, battery_w),
    )


def net_a(config: PlantConfig, around: Surroundings, draws_a: PhaseValues, battery_w: float) -> PhaseValues:
    """Return what `flows` returns of the grid alone: A per phase, + import."""
    return _net(config, *_used_and_made(config, around, draws_a, battery_w))


def _used_and_made(
    config: PlantConfig, around: Surroundings, draws_a: PhaseValues, battery_w: float
) -> tuple[PhaseValues, PhaseValues]:
    """Return what house and loads use, and what solar and battery give, A per phase."""
    used_a = tuple([house + draw for house, draw in zip(around.household_a, draws_a, strict=True)])
    share = _asymmetric if config.inverter.asymmetric else _symmetric
    return used_a, share(config, used_a, around.solar_w + battery_w)


def _net(config: PlantConfig, used_a: PhaseValues, total_a: PhaseValues) -> PhaseValues:
    if not config.on_grid:
        return (0.0,) * config.phases
    return tuple([used - made for used, made in zip(used_a, total_a, strict=True)])


def _output(config: PlantConfig, used_a: PhaseValues, solar_a: PhaseValues, battery_w: float) -> PhaseValues:
    """Return what the output meter shows, A; off-grid in parallel no more than house, loads and battery use."""
    if config.inverter.wiring == "series":
        return used_a
    if config.on_grid:
        return solar_a
    usable_w = max(0.0, sum(used_a) * config.voltage_v - battery_w)
    return _symmetric(config, used_a, min(sum(solar_a) * config.voltage_v, usable_w))


def soc_after(config: PlantConfig, soc_pct: float | None, battery_w: float, seconds: float) -> float | None:
    """Return the soc after `battery_w` flowed for `seconds`; unchanged without a capacity."""
    if soc_pct is None or not config.capacity_wh:
        return soc_pct
    moved_pct = battery_w * seconds / 3600 / config.capacity_wh * 100
    return min(100.0, max(0.0, soc_pct - moved_pct))


def fill(amount: float, rooms: PhaseValues) -> PhaseValues:
    """Return `amount` shared in equal parts, each part up to its room; what fits nowhere is left out."""
    parts = [0.0] * len(rooms)
    todo = sorted((index for index, room in enumerate(rooms) if room > 0), key=lambda index: rooms[index])
    left = amount
    while todo and left > _EPS_W:
        index = todo[0]
        parts[index] = min(rooms[index], left / len(todo))
        left -= parts[index]
        del todo[0]
    return tuple(parts)


def _symmetric(config: PlantConfig, used_a: PhaseValues, total_w: float) -> PhaseValues:
    del used_a
    return (total_w / config.phases / config.voltage_v,) * config.phases


def _asymmetric(config: PlantConfig, used_a: PhaseValues, total_w: float) -> PhaseValues:
    """Needs first, in equal amounts; a total below 0 (a battery that has not yet answered) is shared evenly."""
    if total_w <= 0:
        return _symmetric(config, used_a, total_w)
    volts, cap_w = config.voltage_v, _or_endless(config.inverter.max_per_phase_w)
    needs = fill(total_w, tuple(min(max(0.0, used * volts), cap_w) for used in used_a))
    rest = fill(total_w - sum(needs), tuple(max(0.0, cap_w - need) for need in needs))
    return tuple((need + more) / volts for need, more in zip(needs, rest, strict=True))


def _solar_part(config: PlantConfig, total_a: PhaseValues, solar_w: float, battery_w: float) -> PhaseValues:
    """Return the solar part of the shared current: in its proportion, or evenly when the battery takes it all."""
    if abs(solar_w + battery_w) <= _EPS_W:
        return _symmetric(config, total_a, solar_w)
    return tuple(value * solar_w / (solar_w + battery_w) for value in total_a)


def _or_endless(bound_w: float | None) -> float:
    return float("inf") if bound_w is None else bound_w
