"""What crosses the bus, in one table: subject or bucket, types, who sends it, how long it is kept.

`docs/events.md`, `evenload schema` and the golden files are made from this table, so that none of them can be
forgotten when an event is added.
"""

from typing import Any

from msgspec import Struct
from msgspec.json import schema_components

from evenload.contracts import basis, commands, events, limit_events, plan_events, records, subjects


class Entry(Struct, frozen=True, kw_only=True):
    """One subject or bucket."""

    where: str
    types: tuple[type[Struct], ...]
    publisher: str
    kept: str
    reply: tuple[type[Struct], ...] = ()


def _named(subject: str, name: str) -> str:
    """Return `subject` with its empty token (written `=`) shown as `name`."""
    return subject.replace("=", name)


_SITE = "<site>"

COMMAND_NAMES: dict[type[commands.Command], str] = {
    commands.SetMode: "set_mode",
    commands.SetPriority: "set_priority",
    commands.SetLimit: "set_limit",
    commands.SetTarget: "set_target",
    commands.SetDistribution: "set_distribution",
    commands.SetSchedule: "set_schedule",
    commands.SetPlan: "set_plan",
    commands.ClearPlan: "clear_plan",
    commands.ClearOverride: "clear",
}
"""Last token of each command's subject."""

EVENTS: tuple[Entry, ...] = (
    Entry(
        where=subjects.reading(_SITE, "<meter>"),
        types=(events.MeterReading,),
        publisher="meter_ingest",
        kept="stream `history`",
    ),
    Entry(
        where=subjects.load_state(_SITE, "<load>"),
        types=(events.LoadState,),
        publisher="ocpp_gateway, plug_control; on change and each 5 s",
        kept="stream `history`",
    ),
    Entry(
        where=subjects.setpoint(_SITE, "<load>"),
        types=(events.Setpoint,),
        publisher="allocator",
        kept="stream `setpoints`, the last of each load, in memory and for looking at only",
    ),
    Entry(
        where=subjects.result(_SITE, "<load>"),
        types=(events.Applied, events.Clamped, events.Refused, events.Unreachable),
        publisher="ocpp_gateway, plug_control",
        kept="stream `history`",
    ),
    Entry(
        where=subjects.decision(_SITE),
        types=(events.Decision,),
        publisher="allocator; on change and each 60 s",
        kept="stream `history`",
    ),
    Entry(
        where=subjects.basis(_SITE),
        types=(basis.Basis,),
        publisher="allocator; when it takes the site, on a changed configuration and each 10 min",
        kept="stream `history`",
    ),
    Entry(
        where=subjects.limit(_SITE, "<source>"),
        types=(events.SiteLimit,),
        publisher="meter_ingest (from the site file's `limits`), or the source itself",
        kept="stream `limits`, the last of each source",
    ),
    Entry(
        where=subjects.limit_record(_SITE, "<source>"),
        types=(limit_events.LimitRecord,),
        publisher="allocator; when what is in force changes, when it is first followed, and each 15 min",
        kept="stream `limit_records`, three years",
    ),
    Entry(
        where=subjects.forecast(_SITE, "<kind>"),
        types=(plan_events.Forecast,),
        publisher="planner (from the site file's `prices`), or any source on the bus",
        kept="stream `forecasts`, the last of each kind",
    ),
    Entry(
        where=subjects.load_plan(_SITE, "<load>"),
        types=(plan_events.LoadPlan,),
        publisher="planner; on change and each 60 s",
        kept="stream `load_plans`, the last of each load",
    ),
    Entry(
        where=_named(subjects.alert(_SITE, "<kind>", ""), "<object>"),
        types=(events.Alert,),
        publisher="any service",
        kept="stream `alerts`",
    ),
    Entry(
        where=_named(subjects.transaction(_SITE, ""), "<station>"),
        types=(events.TransactionStarted, events.TransactionUpdated, events.TransactionEnded),
        publisher="ocpp_gateway",
        kept="stream `transactions`, on disk before the station is answered",
    ),
)
REQUESTS: tuple[Entry, ...] = (
    *(
        Entry(
            where=subjects.command(_SITE, name),
            types=(command,),
            publisher="command line, console; answered by the allocator that owns the site",
            kept="not kept; what is in force is in bucket `overrides`",
            reply=(commands.CommandAccepted, commands.CommandRejected),
        )
        for command, name in COMMAND_NAMES.items()
    ),
    Entry(
        where=_named(subjects.station_call(""), "<station>"),
        types=(commands.StationCall,),
        publisher="operator; answered by the gateway that holds the station's session",
        kept="not kept",
        reply=(commands.StationCallReply,),
    ),
)
BUCKETS: tuple[Entry, ...] = (
    Entry(where=subjects.SITES, types=(records.SiteRecord,), publisher="`up`, `site apply`", kept="on disk"),
    Entry(where=subjects.OVERRIDES, types=(records.OverrideRecord,), publisher="allocator", kept="on disk"),
    Entry(
        where=subjects.STATIONS,
        types=(records.StationRecord,),
        publisher="`up`, `site apply`, `station add`, ocpp_gateway",
        kept="on disk",
    ),
    Entry(where=subjects.TAGS, types=(records.TagRecord,), publisher="`tag add`", kept="on disk, until removed"),
    Entry(
        where=subjects.OWNERS,
        types=(records.OwnerRecord,),
        publisher="allocator",
        kept="in memory, 5 s after the last sign of life",
    ),
    *(
        Entry(
            where=bucket,
            types=(records.OwnerRecord,),
            publisher=f"{service}, where it shares the sites with other replicas",
            kept="in memory, 5 s after the last sign of life",
        )
        for bucket, service in (
            (subjects.READERS, "meter_ingest"),
            (subjects.SWITCHERS, "plug_control"),
            (subjects.PLANNERS, "planner"),
        )
    ),
    Entry(where=subjects.PLANS, types=(records.PlanRecord, records.LearnedRecord), publisher="planner", kept="on disk"),
    Entry(
        where=subjects.DEVICES,
        types=(records.DeviceRecord, records.LearnedRecord),
        publisher="plug_control",
        kept="on disk",
    ),
    Entry(where=subjects.EPOCHS, types=(records.EpochRecord,), publisher="allocator", kept="on disk"),
)
ALL: tuple[Entry, ...] = EVENTS + REQUESTS + BUCKETS


def all_types() -> dict[str, type[Struct]]:
    """Return every type that crosses the bus by its name, in the order of the table."""
    return {found.__name__: found for entry in ALL for found in (*entry.types, *entry.reply)}


def json_schema(types: tuple[type[Struct], ...]) -> dict[str, Any]:
    """Return one JSON Schema that accepts any of `types`; what they are made of is in `$defs`."""
    roots, components = schema_components(types, ref_template="#/$defs/{name}")
    top = roots[0] if len(roots) == 1 else {"anyOf": list(roots)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": components}
