"""Tables and sentences on what a replay found."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table

from evenload.replay.findings import Counts, Difference, Gap
from evenload.replay.intervals import Interval, Span


def gaps_table(gaps: Iterable[Gap]) -> Table:
    """Return a row for each gap."""
    table = _table("not in the record", "time (UTC)", "site", "decision", "what is missing")
    for gap in gaps:
        table.add_row(_time(gap.at), gap.site, str(gap.step), gap.why)
    return table


def differences_table(differences: Iterable[Difference]) -> Table:
    """Return a row for each value that came out otherwise."""
    table = _table("not as recorded", "time (UTC)", "site", "decision", "value", "recorded", "replayed")
    for each in differences:
        table.add_row(_time(each.at), each.site, str(each.step), each.path, each.recorded, each.replayed)
    return table


def otherwise_table(rows: Iterable[Interval], config: str) -> Table:
    """Return a row for each stretch of time in which another configuration would have said something else of a load."""
    table = _table(
        f"what {config} would have decided on the same facts",
        "from – to (UTC)",
        "load",
        "set → aim, recorded",
        "why",
        "set → aim, other",
        "why",
    )
    for row in rows:
        when = _time(row.begin) if row.begin == row.end else f"{_time(row.begin)} – {row.end:%H:%M:%S}"
        table.add_row(when, row.load, _amps(row.recorded), _why(row.recorded), _amps(row.other), _why(row.other))
    return table


def summary(what: str, counts: Counts, found: tuple[int, int]) -> list[str]:
    """Return sentences on how much was replayed; `found` = (gaps, differing values)."""
    gaps, differences = found
    told = f"{counts.decisions:,} told decisions of {counts.steps:,} made again"
    if counts.equal == counts.decisions and not differences:
        lines = [f"{what}: {told}, all byte for byte as recorded"]
    else:
        lines = [f"{what}: {told}, {counts.equal:,} byte for byte as recorded, {differences:,} values differ"]
    if counts.memories:
        lines.append(f"{counts.memories:,} memories told on the way were reached byte for byte")
    if gaps:
        lines.append(f"{gaps:,} {'gap' if gaps == 1 else 'gaps'}: nothing is said until the next basis")
    if counts.unknown:
        lines.append(f"{counts.unknown:,} told decisions not made again: the record holds no memory for them")
    if counts.unreadable:
        lines.append(f"{counts.unreadable:,} lines cannot be read by this version")
    return lines


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _amps(span: Span | None) -> str:
    return "–" if span is None else f"{_range(span.setpoint_a)} → {_range(span.target_a)} A"


def _range(values_a: tuple[float, float]) -> str:
    least_a, most_a = values_a
    return f"{least_a:.1f}" if least_a == most_a else f"{least_a:.1f}…{most_a:.1f}"


def _why(span: Span | None) -> str:
    return "no such load" if span is None else span.why
