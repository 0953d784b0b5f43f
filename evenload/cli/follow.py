"""Site files are followed while `up` runs: a good new version takes force, of a bad one the last good stays."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from evenload.site.load import load_file

PERIOD_S = 1.0
Stamp = tuple[tuple[str, int, int], ...]


async def follow(files: tuple[Path, ...], on_change: Callable[[Path], Awaitable[None]]) -> None:
    """Call `on_change` for each file that changed, until cancelled; one that is gone for a moment counts as unchanged.

    A look at two numbers of each file once a second costs less than any watcher and works on every file system.
    """
    seen = {path: stamp(path) for path in files}
    while True:
        await asyncio.sleep(PERIOD_S)
        for path in files:
            now = stamp(path)
            if now and now != seen[path]:
                seen[path] = now
                await on_change(path)


def stamp(path: Path) -> Stamp:
    """Return name, time of change and size of the file and of the password files it names; empty when it is gone."""
    found = []
    for each in (path, *_passwords(path)):
        try:
            status = each.stat()
        except OSError:
            continue
        found.append((str(each), status.st_mtime_ns, status.st_size))
    return tuple(found) if found and found[0][0] == str(path) else ()


def _passwords(path: Path) -> tuple[Path, ...]:
    site = load_file(path).site
    if site is None:
        return ()
    named = [station.password_file for station in site.stations.values()]
    named.append(site.mqtt.password_file if site.mqtt is not None else None)
    return tuple(path.parent / name for name in named if name is not None)
