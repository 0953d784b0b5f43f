"""DSMR telegrams: `/` … `!`, with a checksum from version 4 on. Pure.

Lines are `A-B:C.D.E(value*unit)`. A stamp is `YYMMDDhhmmssX` in the time of the Low Countries, X = W in winter (UTC+1)
and S in summer (UTC+2).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from evenload.devices.errors import DeviceError

MAX_BYTES = 16_384
_LINE = re.compile(
    r"^\d+-\d+:(?P<code>\d+\.\d+\.\d+)(?:\*\d+)?\((?P<value>[^()*]*)(?:\*(?P<unit>[^()]*))?\)", re.MULTILINE
)
_STAMP = re.compile(r"^0-0:1\.0\.0\((?P<stamp>\d{12})(?P<season>[WS])\)", re.MULTILINE)
_CLOCK_HOURS = {"W": 1, "S": 2}


class Telegrams:
    """Whole telegrams out of a stream of bytes; what is between them is left out."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the telegrams that `data` completes, from `/` to the end of the line of `!`."""
        self._buffer = (self._buffer + data)[-MAX_BYTES:]
        found: list[bytes] = []
        while True:
            start = self._buffer.find(b"/")
            mark = self._buffer.find(b"!", start)
            end = self._buffer.find(b"\n", mark)
            if start < 0 or mark < 0 or end < 0:
                return found
            found.append(self._buffer[start : end + 1])
            self._buffer = self._buffer[end + 1 :]


def checked(telegram: bytes, where: str) -> str:
    """Return the telegram as text; raise `DeviceError` when its checksum does not fit or it is cut at its start."""
    body, _, told = telegram.rpartition(b"!")
    told = told.strip()
    if told and told.upper() != f"{checksum(body + b'!'):04X}".encode():
        raise DeviceError("garbage", where, f"checksum {told[:8]!r} does not fit", "check the cable and its length")
    return telegram.decode("latin-1")


def checksum(data: bytes) -> int:
    """Return the CRC-16 with the polynomial x¹⁶ + x¹⁵ + x² + 1, reflected, from 0."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def values(text: str) -> Mapping[str, tuple[str, str]]:
    """Return code → value and unit, as texts; the first of each code counts."""
    found: dict[str, tuple[str, str]] = {}
    for match in _LINE.finditer(text.replace("\r", "")):
        found.setdefault(match["code"], (match["value"], match["unit"] or ""))
    return found


def stamp(text: str) -> datetime | None:
    """Return when the meter made the telegram; None when it does not say."""
    match = _STAMP.search(text.replace("\r", ""))
    if match is None:
        return None
    zone = timezone(timedelta(hours=_CLOCK_HOURS[match["season"]]))
    try:
        return datetime.strptime(match["stamp"], "%y%m%d%H%M%S").replace(tzinfo=zone)
    except ValueError:
        return None
