"""Where a site's password files are: where the process is told, else beside the file that was applied."""

from pathlib import Path

from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord
from evenload.contracts.wire import ContractError, decode_as
from evenload.devices.errors import DeviceError
from evenload.runtime.bus import Bus


def read_secret(folder: Path, name: str) -> str:
    """Return the text of a file with a secret; raise `DeviceError`."""
    path = folder / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise DeviceError("refused", str(path), f"{type(fault).__name__}", "make it, readable for us only") from fault


async def secrets_folder(bus: Bus, site: str, told: str = "") -> Path:
    """Return the folder `told`, or its folder of the site's name where there is one; with neither that of the site's
    file, the working folder when it is not known. Raises `BusError`."""
    if told:
        own = Path(told) / site
        return own if own.is_dir() else Path(told)
    bucket = await bus.bucket(subjects.SITES)
    entry = await bucket.get(site)
    if entry is None:
        return Path()
    try:
        return Path(decode_as(SiteRecord, entry.value, f"bucket sites/{site}").source).parent
    except ContractError:
        return Path()
