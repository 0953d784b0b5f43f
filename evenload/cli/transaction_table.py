"""Transactions as a table for people and as comma-separated values for other programs."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime, tzinfo

from msgspec import Struct
from rich.table import Table

from evenload.transactions.sources import Origin
from evenload.transactions.view import Transaction, began_at, energy_wh

COLUMNS = (
    "site", "station", "load", "evse", "transaction", "started_at", "ended_at", "energy_kwh", "sun_kwh", "battery_kwh",
    "grid_kwh", "unknown_kwh", "meter_start_wh", "meter_stop_wh", "tag", "tag_hash", "why", "late",
)  # fmt: skip
UNSAFE = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula to a spreadsheet."""


class Row(Struct, frozen=True):
    """A transaction with where its energy came from and whose tag it was, "" = not known."""

    transaction: Transaction
    origin: Origin | None
    name: str


def as_table(rows: list[Row], zones: Mapping[str, tzinfo]) -> Table:
    """Return the table, times as at each site; the last row is the sum."""
    table = Table("began", "ended", "load", "station", "tag", "kWh", "sun", "battery", "grid", "why", box=None)
    for row in rows:
        each = row.transaction
        zone = zones.get(each.site)
        began = _local(began_at(each), zone)
        table.add_row(
            began if each.started_at else f"before {began}",
            _local(each.ended_at, zone) if each.ended_at else "runs",
            each.load or "-",
            each.station,
            row.name or each.id_tag_hash[:8],
            _kwh(energy_wh(each)) or "?",
            *_shares(row.origin),
            each.why,
        )
    total_wh = sum(energy_wh(row.transaction) or 0.0 for row in rows)
    table.add_row("", "", "", "", f"{len(rows)} in all", _kwh(total_wh), "", "", "", "", style="bold")
    return table


def as_csv(rows: list[Row]) -> str:
    """Return comma-separated values with a head, times UTC; free text cannot become a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        each, found = row.transaction, row.origin
        parts_wh = (found.sun_wh, found.battery_wh, found.grid_wh, found.unknown_wh) if found else (None,) * 4
        cells = (
            each.site, each.station, each.load, each.evse, each.transaction, _utc(each.started_at),
            _utc(each.ended_at), _kwh(energy_wh(each)), *(_kwh(part_wh) for part_wh in parts_wh), _wh(each.start_wh),
            _wh(each.stop_wh), row.name, each.id_tag_hash, each.why, "yes" if each.late else "no",
        )  # fmt: skip
        writer.writerow([_safe(cell) for cell in cells])
    return text.getvalue()


def _safe(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(UNSAFE) else text


def _shares(found: Origin | None) -> tuple[str, str, str]:
    parts_wh = (found.sun_wh, found.battery_wh, found.grid_wh) if found is not None else (0.0, 0.0, 0.0)
    known_wh = sum(parts_wh)
    if known_wh <= 0.0:
        return ("?", "?", "?")
    sun, battery, grid = (f"{100.0 * part_wh / known_wh:.0f} %" for part_wh in parts_wh)
    return sun, battery, grid


def _local(at: datetime, zone: tzinfo | None) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _utc(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at is not None else ""


def _kwh(value_wh: float | None) -> str:
    return "" if value_wh is None else f"{value_wh / 1000:.3f}"


def _wh(value_wh: float | None) -> str:
    return "" if value_wh is None else f"{value_wh:.0f}"
