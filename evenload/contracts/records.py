"""What is kept in the buckets (key-value stores) on the bus."""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from evenload.contracts.events import AskedMode, Distribution
from evenload.contracts.plans import Need
from evenload.contracts.schedules import ScheduleWindow
from evenload.contracts.units import Amps, Celsius, Name, StationId, Utc, WattHours


class SiteRecord(Struct, frozen=True, kw_only=True):
    """Bucket `sites`, key = site: the site file that passed all checks."""

    site: Name
    text: Annotated[str, Meta(description="the YAML as applied")]
    source: Annotated[str, Meta(description="file name, for messages")] = ""
    applied_at: Utc
    config_rev: Annotated[int, Meta(ge=1, description="rises by one with each applied change")] = 1


class Override(Struct, frozen=True, kw_only=True):
    """One value set by hand."""

    load: Annotated[Name | None, Meta(description="None = the site itself")] = None
    mode: AskedMode | None = None
    priority: int | None = None
    max_a: Amps | None = None
    target_c: Annotated[Celsius | None, Meta(description="target temperature, °C")] = None
    schedule: Annotated[
        tuple[ScheduleWindow, ...] | None,
        Meta(description="its windows instead of the file's; empty = no schedule; none = the file's hold"),
    ] = None
    plan: Annotated[
        tuple[Need, ...] | None, Meta(description="its needs instead of the file's; empty = no plan; none = the file's")
    ] = None
    distribution: Distribution | None = None
    until: Utc | None = None
    by: str = ""
    at: Utc
    file_value: Annotated[str, Meta(description="the file's value when it was set; another value there ends it")] = ""


class OverrideRecord(Struct, frozen=True, kw_only=True):
    """Bucket `overrides`, key = site."""

    site: Name
    items: tuple[Override, ...] = ()


class StationRecord(Struct, frozen=True, kw_only=True):
    """Bucket `stations`, key = station (subject-encoded, lower case): claim, credential, what was learned."""

    station: StationId
    site: Name
    credential: Annotated[str, Meta(description="blake2b$<salt hex>$<digest hex>; empty = no password set")] = ""
    version: Annotated[str, Meta(description="pinned OCPP version; empty = by subprotocol")] = ""
    learned: dict[str, str | int | float | bool | None] = {}
    holder: Annotated[str, Meta(description="gateway and session that hold it; empty = nobody")] = ""


class TagRecord(Struct, frozen=True, kw_only=True):
    """Bucket `tags`, key = keyed hash of an id tag: whose it is; removed, its transactions name nobody any more."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="as shown in `evenload transactions`")]


class Counted(Struct, frozen=True, kw_only=True):
    """Energy of one load as the planner counts it."""

    total_wh: Annotated[WattHours, Meta(description="drawn since counting began, by counter where it has one, Wh")] = (
        0.0
    )
    pending_wh: Annotated[
        WattHours, Meta(description="drawn by its power since its counter last moved, Wh; what that shows replaces it")
    ] = 0.0
    counter_wh: Annotated[WattHours | None, Meta(description="the load's own counter when last heard, Wh")] = None
    seen_at: Annotated[Utc | None, Meta(description="when it was last heard")] = None
    goal: Annotated[str, Meta(description="the need that is counted for, with its begin")] = ""
    goal_wh: Annotated[WattHours, Meta(description="drawn when that began, Wh")] = 0.0
    soc_at: Annotated[Utc | None, Meta(description="when its vehicle's state of charge was last told")] = None
    soc_wh: Annotated[WattHours, Meta(description="drawn then, Wh")] = 0.0


class PlanRecord(Struct, frozen=True, kw_only=True):
    """Bucket `plans`, key = site: what the planner has counted, for the next process."""

    site: Name
    counted: dict[Name, Counted] = {}


class LearnedRow(Struct, frozen=True):
    """Half an hour of a tank or room: the temperature moved by K, Wh in, kelvin hours above its surroundings, hours."""

    moved_c: float
    energy_wh: float
    above_kelvin_h: float
    length_h: float
    joined: Annotated[bool, Meta(description="it begins where the row before ends")] = False


class LearnedRecord(Struct, frozen=True, kw_only=True):
    """What a load's thermal model stands on, oldest first: bucket `plans`, key = site.load, the planner's; bucket
    `devices`, key = site.load.rows, that of the device's own core.
    """

    site: Name
    load: Name
    rows: tuple[LearnedRow, ...] = ()


class DeviceRecord(Struct, frozen=True, kw_only=True):
    """Bucket `devices`, key = site.load: what the core of a tank, heat pump, room, pump or machine remembers.

    A change of the load's type or of its meter makes it another device, which begins anew.
    """

    site: Name
    load: Name
    kind: Annotated[str, Meta(description="type of the load")]
    sensor: Annotated[Name | None, Meta(description="meter of its temperature; None = none")] = None
    kept_at: Annotated[Utc, Meta(description="when it was kept; times in `memory` are s before that")]
    memory: Annotated[Raw, Meta(description="the core's own; see services/plug_control")]


class OwnerRecord(Struct, frozen=True, kw_only=True):
    """Buckets `owners`, `readers`, `switchers`, `planners`, key = process: it is alive and takes its share of sites."""

    process: str
    sites: Annotated[tuple[Name, ...], Meta(description="taken and not yet let go; written whenever that changes")] = ()


class EpochRecord(Struct, frozen=True, kw_only=True):
    """Bucket `epochs`, key = site: the fencing epoch, raised by compare-and-set at each takeover."""

    site: Name
    epoch: Annotated[int, Meta(ge=1)]
    process: str
