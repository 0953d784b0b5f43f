"""`evenload site`: write a site file to the running system, see what is in force, compare, remove."""

import asyncio
import difflib
from pathlib import Path

import click

from evenload.cli.check import load_all, report
from evenload.cli.connection import connected, system_options
from evenload.cli.failures import Failure
from evenload.cli.sites import site_records
from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import Bus, Conflict
from evenload.runtime.clock import SystemClock
from evenload.site.findings import ConfigError
from evenload.site.load import load_text

APPLY_EXAMPLES = """\b
Examples:
  evenload site apply home.yaml
  evenload site diff home.yaml && echo equal
\b
Exit status: 0 in force, 1 refused (the last good version stays in force), 3 no running evenload found.
"""
File = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def site() -> None:
    """Site files of the running system: apply, show, diff, remove."""


@site.command(name="apply", epilog=APPLY_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=File)
@system_options
def apply_files(files: tuple[Path, ...], nats: str | None, data_dir: Path | None) -> None:
    """Check FILES, prove their failsafe currents and put them in force."""
    load_all(files)
    asyncio.run(_apply(files, nats, data_dir))


async def _apply(files: tuple[Path, ...], nats: str | None, data_dir: Path | None) -> None:
    async with connected(nats, data_dir) as bus:
        for path in files:
            click.echo(in_force(await apply_file(bus, path)))


async def apply_file(bus: Bus, path: Path) -> SiteRecord:
    """Put the file in force; ends the command with all findings when it is refused."""
    try:
        return await apply_site(bus, path.read_text(encoding="utf-8-sig"), str(path), SystemClock().utc())
    except ConfigError as fault:
        report(fault.findings)
        raise Failure(f"{path} is refused", "the last good version stays in force") from fault
    except Conflict as fault:
        raise Failure(f"{path}: somebody else changed it at the same time: {fault}", "look and try again") from fault


def in_force(record: SiteRecord) -> str:
    """Return one line on what holds now."""
    return f"site {record.site}: revision {record.config_rev} in force since {record.applied_at:%Y-%m-%d %H:%M:%S} UTC"


@site.command(name="show")
@click.argument("name", metavar="SITE", required=False)
@system_options
def show_site(name: str | None, nats: str | None, data_dir: Path | None) -> None:
    """List the sites in force, or print the file of SITE as it was applied."""
    records = asyncio.run(_records(nats, data_dir))
    if name is None:
        click.echo("\n".join(in_force(record) for _, record in sorted(records.items())) or "no site is in force")
        return
    click.echo(_of(records, name).text, nl=False)


@site.command(name="diff")
@click.argument("file", type=File)
@system_options
def diff_site(file: Path, nats: str | None, data_dir: Path | None) -> None:
    """Compare FILE with what is in force; exit status 0 equal, 1 different."""
    text = file.read_text(encoding="utf-8-sig")
    loaded = load_text(text, str(file))
    if loaded.site is None:
        report(loaded.findings)
        raise click.exceptions.Exit(1)
    record = _of(asyncio.run(_records(nats, data_dir)), loaded.site.site)
    before, after = record.text.splitlines(keepends=True), text.splitlines(keepends=True)
    shown = list(difflib.unified_diff(before, after, f"revision {record.config_rev} in force", str(file)))
    click.echo("".join(shown) or "equal\n", nl=False)
    if shown:
        raise click.exceptions.Exit(1)


@site.command(name="remove")
@click.argument("name", metavar="SITE")
@system_options
def remove_site(name: str, nats: str | None, data_dir: Path | None) -> None:
    """End the management of SITE: its loads go to their failsafe as their leases run out."""
    asyncio.run(_remove(name, nats, data_dir))
    click.echo(f"site {name} is managed no longer")


async def _remove(name: str, nats: str | None, data_dir: Path | None) -> None:
    async with connected(nats, data_dir) as bus:
        _of(await site_records(bus), name)
        await (await bus.bucket(subjects.SITES)).delete(name)


async def _records(nats: str | None, data_dir: Path | None) -> dict[str, SiteRecord]:
    async with connected(nats, data_dir) as bus:
        return await site_records(bus)


def _of(records: dict[str, SiteRecord], name: str) -> SiteRecord:
    if name not in records:
        raise Failure(f"no site named {name} is in force", f"there are: {', '.join(sorted(records)) or 'none'}")
    return records[name]
