"""Where a running `up` or `demo` is found: a small file in the data folder, so that other commands need no flags.

The data folder is `--data-dir`, else `$EVENLOAD_DATA_DIR`, else `evenload` below `$XDG_DATA_HOME` (`~/.local/share`).
`up` writes `up.json` there; `demo` keeps its data in a temporary folder and writes `demo.json` into the default one.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

NAMES = ("up.json", "demo.json")


class Running(Struct, frozen=True, kw_only=True):
    """A running system on this machine."""

    pid: int
    nats_url: str
    ocpp_url: str = ""
    data_dir: str = ""
    http: dict[str, str] = {}
    """Service → address of its health and metrics."""


def data_dir_of(environ: Mapping[str, str], home: Path) -> Path:
    """Return the data folder that is used without `--data-dir`."""
    given = environ.get("EVENLOAD_DATA_DIR", "")
    share = environ.get("XDG_DATA_HOME", "") or str(home / ".local" / "share")
    return Path(given) if given else Path(share) / "evenload"


def default_data_dir() -> Path:
    """Return the data folder of this user and environment."""
    return data_dir_of(os.environ, Path.home())


def write(folder: Path, name: str, running: Running) -> None:
    """Write the file; readers never see half of it. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{name}.{running.pid}"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=2))
    fresh.chmod(0o600)
    fresh.replace(folder / name)


def remove(folder: Path, name: str, pid: int) -> None:
    """Remove the file when it is this process's."""
    found = read(folder, name)
    if found is not None and found.pid == pid:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def read(folder: Path, name: str) -> Running | None:
    """Return what the file says, None when there is none or it cannot be read."""
    try:
        return msgspec.json.decode((folder / name).read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def find(folder: Path) -> Running | None:
    """Return the system that runs now: `up` before `demo`; None when no process lives."""
    found = (read(folder, name) for name in NAMES)
    return next((running for running in found if running is not None and lives(running.pid)), None)


def lives(pid: int) -> bool:
    """Tell whether a process with this id exists; one of another user counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
