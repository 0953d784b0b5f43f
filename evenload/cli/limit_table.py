"""Records of outside limits as tables for people and as comma-separated values for the operator of the grid."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from rich.table import Table

from evenload.contracts.limit_events import LimitRecord

COLUMNS = (
    "site", "source", "at", "kind", "state", "scope", "heard_at", "told_w", "limit_w", "in_force_at", "after_s",
    "import_w", "managed_w", "mean_w", "most_w",
)  # fmt: skip
_SCOPES = {"import": "the connection", "managed": "loads from the grid"}


def in_force_table(records: Sequence[LimitRecord], zones: Mapping[str, tzinfo]) -> Table:
    """Return what is in force of each source by its last record that began something, times as at its site."""
    table = Table("source", "bounds", "in force", "since", "heard", box=None, title="in force", title_justify="left")
    last = {(record.site, record.source): record for record in records if record.kind == "began"}
    for (site, _), record in sorted(last.items()):
        zone = zones.get(site)
        table.add_row(
            record.source,
            _SCOPES[record.scope],
            _state(record),
            _local(record.in_force_at, zone),
            _local(record.heard_at, zone) if record.heard_at else "never",
        )
    return table


def as_table(records: Sequence[LimitRecord], zones: Mapping[str, tzinfo]) -> Table:
    """Return the records as they were made, times as at their site."""
    table = Table("at", "source", "what", "in force", "import", "loads from grid", "mean", "most", box=None)
    for record in records:
        what = f"{record.kind} after {record.after_s:.0f} s" if record.kind == "followed" else record.kind
        powers = (record.import_w, record.managed_w, record.mean_w, record.most_w)
        table.add_row(
            _local(record.at, zones.get(record.site)), record.source, what, _state(record), *map(_watts, powers)
        )
    return table


def as_csv(records: Sequence[LimitRecord]) -> str:
    """Return comma-separated values with a head, times UTC; an empty cell is not known, or no limit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in records:
        writer.writerow((
            each.site, each.source, _utc(each.at), each.kind, each.state, each.scope, _utc(each.heard_at),
            _plain(each.told_w), _plain(each.limit_w), _utc(each.in_force_at), _plain(each.after_s),
            *map(_plain, (each.import_w, each.managed_w, each.mean_w, each.most_w)),
        ))  # fmt: skip
    return text.getvalue()


def _state(record: LimitRecord) -> str:
    if record.limit_w is None:
        return record.state
    raised = record.state == "told" and record.told_w is not None and record.told_w < record.limit_w
    words = f"told {record.told_w:.0f} W, its floor holds" if raised else record.state
    return f"{record.limit_w:.0f} W ({words})"


def _watts(power_w: float | None) -> str:
    return "?" if power_w is None else f"{power_w:.0f} W"


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:g}" if abs(number) < 1e5 else f"{number:.1f}"


def _local(at: datetime, zone: tzinfo | None) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _utc(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
