"""`evenload tag`: whose an id tag is. Streams hold keyed hashes of tags only; the names here can be removed again."""

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from evenload.cli.connection import connected, system_options
from evenload.cli.failures import Failure
from evenload.contracts import subjects
from evenload.contracts.records import TagRecord
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.bus import Bus
from evenload.transactions.tags import tag_hash

EXAMPLES = """\b
Examples:
  evenload tag add 04A1B2C3 Anna          transactions with this tag show Anna
  evenload tag remove Anna                they name nobody any more
"""
MAX_NAME = 64


@click.group(epilog=EXAMPLES)
def tag() -> None:
    """Names for id tags (cards), as `evenload transactions` shows them."""


@tag.command(name="add")
@click.argument("id_tag", metavar="TAG")
@click.argument("name")
@system_options
def add_tag(*, id_tag: str, name: str, nats: str | None, data_dir: Path | None) -> None:
    """Let transactions with TAG show NAME; the tag itself is not kept."""
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise click.UsageError(f"NAME: 1 to {MAX_NAME} printable characters")
    asyncio.run(_add(id_tag, name, nats, data_dir))


@tag.command(name="list")
@system_options
def list_tags(*, nats: str | None, data_dir: Path | None) -> None:
    """List the names and the hashes they belong to."""
    table = Table("name", "hash", box=None, padding=(0, 2, 0, 0))
    for key, name in sorted(asyncio.run(_names(nats, data_dir)).items(), key=lambda item: item[1]):
        table.add_row(name, key)
    Console().print(table)


@tag.command(name="remove")
@click.argument("name")
@system_options
def remove_tag(*, name: str, nats: str | None, data_dir: Path | None) -> None:
    """Forget NAME: what it charged stays, without a name."""
    if not asyncio.run(_remove(name, nats, data_dir)):
        raise Failure(f"no tag is named {name}", "evenload tag list shows them")


async def names_by_hash(bus: Bus) -> dict[str, str]:
    """Return the name of each hash that has one."""
    bucket = await bus.bucket(subjects.TAGS)
    found = {}
    for key in await bucket.keys():
        entry = await bucket.get(key)
        if entry is not None:
            found[key] = decode_as(TagRecord, entry.value, f"bucket tags {key}").name
    return found


async def _names(nats: str | None, data_dir: Path | None) -> dict[str, str]:
    async with connected(nats, data_dir) as bus:
        return await names_by_hash(bus)


async def _add(id_tag: str, name: str, nats: str | None, data_dir: Path | None) -> None:
    async with connected(nats, data_dir) as bus:
        key = await (await bus.bucket(subjects.STATIONS)).get(subjects.TAG_KEY)
        if key is None:
            raise Failure("no gateway has run yet, it makes the key that hashes tags", "start `evenload up` first")
        hashed = tag_hash(id_tag, bytes.fromhex(key.value.decode()))
        await (await bus.bucket(subjects.TAGS)).put(hashed, encode(TagRecord(name=name)))


async def _remove(name: str, nats: str | None, data_dir: Path | None) -> bool:
    async with connected(nats, data_dir) as bus:
        bucket = await bus.bucket(subjects.TAGS)
        keys = [key for key, known in (await names_by_hash(bus)).items() if known == name]
        for key in keys:
            await bucket.delete(key)
    return bool(keys)
