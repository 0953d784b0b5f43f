"""`evenload replay`: recorded history through the allocator's core; same input, same decisions."""

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from evenload.cli.check import report
from evenload.cli.connection import connected, system_options
from evenload.cli.durations import Duration
from evenload.cli.failures import Failure
from evenload.cli.record import nothing_recorded, wanted_of, write_history
from evenload.cli.record_files import Found, Writer, replay_file
from evenload.cli.replay_tables import differences_table, gaps_table, otherwise_table, summary
from evenload.replay.findings import Difference, Gap, Otherwise
from evenload.replay.intervals import intervals
from evenload.runtime.clock import SystemClock
from evenload.site.load import load_file
from evenload.site.schema import Site

EXAMPLES = """\b
Examples:
  evenload replay home.jsonl                          a file of `evenload record` or `evenload simulate --record`
  evenload replay --since 2h                          the running system's history
  evenload replay home.jsonl --config other.yaml      what another site file would have decided on the same facts
  evenload replay home.jsonl --json | jq .counts
\b
A decision is made again from the events that it names, byte for byte. What is not in the record is told as a gap, and
nothing is said of what follows until the next basis. With --config each decision that was told is made once more from
the same facts and the same memory: what the readings would have been under other setpoints, nobody knows.
Exit status: 0 every decision is as recorded, 1 differences, gaps, or no record, 3 no running evenload found.
"""
SHOWN_MOST = 40


@click.command(epilog=EXAMPLES)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="Site file to decide by instead.")
@click.option("--since", type=Duration(), help="Without FILE: begin so long ago.")
@click.option("--json", "as_json", is_flag=True, help="Print counts, gaps and differences as JSON.")
@system_options
def replay(
    *, file: Path | None, config: Path | None, since: int | None, as_json: bool, nats: str | None, data_dir: Path | None
) -> None:
    """Make every decision of FILE, or of the running system's history, again and compare."""
    if file is not None and since is not None:
        raise click.UsageError("--since is for the running system; a FILE is replayed whole")
    others = _others(config)
    if file is not None:
        what, found = str(file), replay_file(file, others)
    else:
        what, found = "the history", _replay_running(since, others, nats, data_dir)
    _check(what, found, others)
    click.echo(json.dumps(as_builtins(what, found), ensure_ascii=False)) if as_json else show(what, found, config)
    if any(not isinstance(each, Otherwise) for each in found.findings):
        raise click.exceptions.Exit(1)


def _others(config: Path | None) -> dict[str, Site]:
    if config is None:
        return {}
    loaded = load_file(config)
    report(loaded.findings)
    if loaded.site is None:
        raise click.exceptions.Exit(1)
    return {loaded.site.site: loaded.site}


def _replay_running(since: int | None, others: dict[str, Site], nats: str | None, data_dir: Path | None) -> Found:
    """Record the running system's history into a file that is thrown away, and replay that."""
    with tempfile.TemporaryDirectory(prefix="evenload-replay-") as folder:
        path = Path(folder) / "history.jsonl"
        asyncio.run(_fetch(path, since, nats, data_dir))
        return replay_file(path, others)


async def _fetch(path: Path, since: int | None, nats: str | None, data_dir: Path | None) -> None:
    async with connected(nats, data_dir) as bus:
        with path.open("xb") as out:
            writer = Writer(out, SystemClock().utc(), "history")
            await write_history(bus, await wanted_of(bus, None, since), writer, 0)


def _check(what: str, found: Found, others: dict[str, Site]) -> None:
    if not found.counts.begins and not found.findings:
        raise nothing_recorded(what)
    if others and not found.counts.compared:
        name = next(iter(others))
        raise Failure(f"{what} holds no decision of site {name} to compare", "is its `site:` the recorded one's?")


def show(what: str, found: Found, config: Path | None) -> None:
    """Print what was found as tables and sentences."""
    console = Console(highlight=False)
    gaps = [each for each in found.findings if isinstance(each, Gap)]
    differences = [each for each in found.findings if isinstance(each, Difference)]
    others = intervals(each for each in found.findings if isinstance(each, Otherwise))
    for table, count in (
        (gaps_table(gaps[:SHOWN_MOST]), len(gaps)),
        (differences_table(differences[:SHOWN_MOST]), len(differences)),
        (otherwise_table(others[:SHOWN_MOST], str(config)), len(others)),
    ):
        if count:
            console.print(table)
        if count > SHOWN_MOST:
            console.print(f"and {count - SHOWN_MOST} more: --json shows all")
    for line in summary(what, found.counts, (len(gaps), len(differences))):
        console.print(line)
    if config is not None:
        told = Counter(each.load for each in found.findings if isinstance(each, Otherwise))
        for load, count in sorted(told.items()):
            console.print(f"{load}: {count} of {found.counts.compared} told decisions would have been others")
        if not told:
            console.print(f"{config} would have decided the same in all {found.counts.compared} told decisions")


def as_builtins(what: str, found: Found) -> dict[str, Any]:
    """Return the object that `--json` prints."""
    by_kind: dict[str, list[Any]] = {"Gap": [], "Difference": [], "Otherwise": []}
    for each in found.findings:
        by_kind[type(each).__name__].append(msgspec.to_builtins(each))
    return {
        "record": what,
        "counts": msgspec.to_builtins(found.counts),
        "gaps": by_kind["Gap"],
        "differences": by_kind["Difference"],
        "otherwise": by_kind["Otherwise"],
    }
