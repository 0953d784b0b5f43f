"""The reference of the site file as Markdown, made from the structs: `docs/site-file.md`."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from evenload.contracts.plans import Need
from evenload.contracts.schedules import ScheduleWindow
from evenload.site.device_drivers import DEVICE_DRIVERS
from evenload.site.drivers import HAS_TIMER, METER_DRIVERS, PLUG_DRIVERS, EntityFields, RegisterFields, ValueFields
from evenload.site.leaves import bare
from evenload.site.limit_drivers import LIMIT_DRIVERS
from evenload.site.limits import OutsideLimit
from evenload.site.money import Feed, Prices, PriceWindow
from evenload.site.overrides import StationOverrides
from evenload.site.phase_switching import PhaseSwitching
from evenload.site.schema import Battery, Circuit, Device, Evse, Grid, Inverter, Meter, Mqtt, Site, Station

HEAD = """# The site file

Made from `evenload/site` by `make golden`; do not edit.

One YAML file is a site. `evenload check FILE` says all that is wrong with it in one run, as
`file:line: path: what is wrong, what to do`; warnings do not refuse it. `deploy/examples/` has whole files, and
`evenload schema site` prints a JSON Schema for editors.

* Numbers are plain: the unit is in the key (`_a` amperes per phase, `_w` watts, `_v` volts, `_s`
  seconds, `_wh`, `_pct`).
* Names of sites, loads, circuits and meters are 1 to 48 of `a-z`, `0-9`, `_` and `-`.
* Unknown keys are refused. Keys that begin with `x-` are free, for YAML anchors.
* Grid: + import, − export. Battery: + discharging. `invert: true` turns a meter that says it the other way.
* Secrets stand in files of their own (`password_file`, relative to the site file, mode 0400), never in the site file.
"""
WORDS = """## Modes and distributions

| mode | urgency | may draw |
|---|---|---|
| `standard`, `continuous` | 1st | up to its maximum from any source |
| `solar_priority` | 2nd | its minimum from any source; more only while no phase it uses imports |
| `solar_only` | 3rd | only while no phase it uses imports |
| `excess` | 4th | what is exported above `excess_threshold_w` |
| `off` | – | nothing |

With a battery below `soc_target_pct` the battery goes first; at the target or above, the loads. Within one urgency the
minimums come first, in the order of `priority`; the rest goes by `distribution`: `shared`, equal increments to all that
are on; `priority` and `optimized`, in order, each up to its maximum; `strict`, in order, minimum and fill at once.
"""
SCHEDULES = """## Schedules

```yaml
schedules:
  wallbox:
    - {when: mon-fri 22:00-06:00, mode: standard}
    - {when: sat sun 11:00-15:00, mode: solar_priority, max_a: 10}
```

* Outside every window the value of the load itself holds. Where windows overlap, each value comes from the last one in
  the list that covers the time and sets it.
* Times are wall-clock times of `time_zone`, from `00:00` to `24:00`. A window that ends before it begins runs into the
  next day and belongs to the day on which it begins.
* When the clock goes forward, a window inside the hour that is skipped does not happen; when it goes back, one inside
  the hour that comes twice happens twice. `22:00-06:00` is then 7 or 9 hours long.
* A value set by hand holds until the schedule next changes that value, or until the time given with it (`--until`;
  `--until cleared` holds it over all changes). `evenload set LOAD schedule …` replaces the file's schedule by hand.
"""
PLANS = """## Plans

```yaml
plans:
  wallbox:
    - {by: mon-fri 07:00, energy_wh: 20000}
    - {by: sun 18:00, soc_pct: 80, battery_wh: 60000}
  boiler:
    - {by: 06:30, target_c: 55}
prices:
  table:
    - {when: mon-sun, price_per_kwh: 0.32}
    - {when: 22:00-06:00, price_per_kwh: 0.24}
forecasts:
  day_ahead: {kind: price, url: "https://prices.example/day", slots: data, starts_at: start, value: price, scale: 0.001}
```

* The earliest deadline of a load's needs counts. A quarter hour is *guaranteed* (from any source) or only *allowed*
  (from surplus); the guaranteed ones are the cheapest by price and CO2 that do it, on circuits that bear all plans
  together. With a forecast of the sun they wait for it as long as there is time to do without. Without a price: sun
  first, then the latest safe start.
* Within a guaranteed slot a load is served as `standard`. Otherwise `standard` becomes `solar_only` until the deadline,
  and every other mode stays. A load that is `off`, or whose mode was set by hand after the plan, is left alone.
* A plan that cannot be met raises the alert `plan_short` at once, which says by how much.
"""
LIMITS = """## Limits from outside

```yaml
limits:
  dso: {rule: 14a, driver: shelly, host: 192.168.1.50, contact: true}
  aggregator: {scope: import, driver: http_json, url: "http://192.168.1.60/limit", value: data.limit_kw, scale: 1000}
```

* The strictest limit of each scope is in force; it is shared out by urgency and priority like every other limit.
* A number is W; an empty text, a JSON null, or a false `active` lifts the limit. A negative or absurd one is refused
  and the last one holds. A contact (`contact: true`) sets `limit_w` while it is closed.
* Without a sign of life for `heartbeat_s` the limit is `failsafe_w`, for `failsafe_s`, or until a sign of life and a
  limit after it are heard; after `failsafe_s` it is released. A source that was never heard counts as missing. A
  message kept by the MQTT broker is no sign of life.
* `rule: 14a`: with n devices 4.2 kW + (n − 1) · g · 4.2 kW must stay allowed in all (g: 0.80 for two, 0.75, 0.70, 0.65,
  0.60, 0.55, 0.50, 0.45 for nine and more). Loads that can draw more than 4.2 kW count; `devices` says another number.
"""
FAILSAFE = """## When nothing is in control

When every process is dead and all leases and profiles have run out, each load falls back to its failsafe: an EVSE to
`failsafe_a`, a plug to off, or on with `failsafe_on: true`. A plug without a timer of its own (any driver but {timers})
and a station with `overrides: {{expiry: false}}` may stay on; they count at their rating. What is then drawn must fit
every circuit, every station with `max_a`, and the breaker less its margin beside `grid.household_max_a`; on a circuit
with a meter the house counts too, for its foreign draw is not known. A file for which this cannot be proven is refused,
with the largest failsafe that would fit.

`failsafe_a: auto` takes an equal share of what is left: minimums first in the order of priority, nothing below `min_a`.
It is 0 without `household_max_a`, on an off-grid site, and for a load with `mode: off`. Without `household_max_a` a
failsafe above 0 is refused, and a load that may stay on is a warning.
"""
SECTIONS: tuple[tuple[str, type], ...] = (
    ("The site", Site),
    ("`grid`", Grid),
    ("`inverter`", Inverter),
    ("`battery`", Battery),
    ("`circuits.NAME`", Circuit),
    ("`mqtt`", Mqtt),
    ("`stations.ID`", Station),
    ("`stations.ID.overrides`", StationOverrides),
    ("`loads.NAME` with `type: evse`", Evse),
    ("`loads.NAME.phase_switching`", PhaseSwitching),
    ("`schedules.LOAD`, a list of", ScheduleWindow),
    ("`plans.LOAD`, a list of", Need),
    ("`prices`", Prices),
    ("`prices.table`, a list of", PriceWindow),
    ("`forecasts.NAME`", Feed),
)


def site_reference() -> str:
    """Return the whole reference."""
    parts = [HEAD, *(section(title, kind) for title, kind in SECTIONS)]
    parts += [section(f"`loads.NAME` with `type: {type_name(kind)}`", kind) for kind in DEVICE_DRIVERS]
    parts.append(section("`meters.NAME`", Meter))
    parts += [section(f"Meter driver {names}", kind) for names, kind in _shared(METER_DRIVERS)]
    parts.append(section("`fields` of the meter drivers `mqtt` and `http_json`", ValueFields))
    parts.append(section("`registers` of the meter driver `modbus`", RegisterFields))
    parts.append(section("`entities` of the meter driver `homeassistant`", EntityFields))
    parts += [section(f"Plug driver {names}", kind) for names, kind in _shared(PLUG_DRIVERS)]
    for device, drivers in DEVICE_DRIVERS.items():
        own = {name: kind for name, kind in drivers.items() if PLUG_DRIVERS.get(name) is not kind}
        parts += [section(f"Driver {names} of `type: {type_name(device)}`", kind) for names, kind in _shared(own)]
    parts.append(section("`limits.NAME`", OutsideLimit))
    parts += [section(f"Limit driver {names}", kind) for names, kind in _shared(LIMIT_DRIVERS)]
    timers = " and ".join(f"`{name}`" for name in sorted(HAS_TIMER))
    parts.append(WORDS)
    parts.append(SCHEDULES)
    parts.append(PLANS)
    parts.append(LIMITS)
    parts.append(FAILSAFE.format(timers=timers))
    return "\n".join(parts)


def type_name(kind: type[Device]) -> str:
    """Return what stands as `type` in the file."""
    return str(kind.__struct_config__.tag)


def _shared(drivers: Mapping[str, type]) -> list[tuple[str, type]]:
    """Return the names of the drivers that take the same keys, and those keys."""
    names: dict[type, list[str]] = {}
    for name in sorted(drivers):
        names.setdefault(drivers[name], []).append(f"`{name}`")
    return [(", ".join(found), kind) for kind, found in names.items()]


def section(title: str, kind: type) -> str:
    """Return the table of a struct's keys under a title."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    rows = [_row(field) for field in info.fields if field.name != "options"]
    if info.tag is not None:
        rows.insert(0, f"| `{info.tag_field}` | `{info.tag}` | required | what it is |")
    first = (kind.__doc__ or "").strip().partition("\n")[0]
    driven = issubclass(kind, Meter | Device | OutsideLimit)
    note = " The keys of its driver stand beside these; they follow below." if driven else ""
    table = ["| key | value | default | what |", "|---|---|---|---|", *rows]
    return f"## {title}\n\n{first}{note}\n\n" + "\n".join(table) + "\n"


def _row(field: inspect.Field) -> str:
    description = ""
    if isinstance(field.type, inspect.Metadata) and field.type.extra_json_schema:
        description = str(field.type.extra_json_schema.get("description", ""))
    return f"| `{field.name}` | {_value(field.type)} | {_default(field)} | {description.replace('|', '/')} |"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default: Any = field.default
    if default is None or default is msgspec.NODEFAULT or default == {}:
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float) and default == int(default):
        return f"`{int(default)}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default}`" if default != "" else '`""`'


def _value(kind: inspect.Type) -> str:
    kind = bare(kind)
    if isinstance(kind, inspect.UnionType):
        members = [_value(member) for member in kind.types if not isinstance(bare(member), inspect.NoneType)]
        return " or ".join(members) if len(members) < 3 else ", ".join(members)
    if isinstance(kind, inspect.LiteralType):
        return " ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.FloatType | inspect.IntType):
        return ("whole number" if isinstance(kind, inspect.IntType) else "number") + _range(kind)
    if isinstance(kind, inspect.VarTupleType):
        return f"list of {_value(kind.item_type)}"
    if isinstance(kind, inspect.BoolType):
        return "`true` `false`"
    return "text" if isinstance(kind, inspect.StrType) else "section"


def _range(kind: inspect.FloatType | inspect.IntType) -> str:
    words = ((">", kind.gt), ("≥", kind.ge), ("<", kind.lt), ("≤", kind.le))
    given = [f"{sign} {bound:,}" for sign, bound in words if bound is not None]
    return f" {', '.join(given)}" if given else ""
