"""Who may connect, judged on the HTTP request before any state exists. Pure.

Path → station id (one percent-decoding, last non-empty segment), then Basic authentication, then the subprotocol.
Unknown ids and wrong passwords look alike, in the answer and in time. Ten failures a minute from one address make its
next failures slow (ocpp.md section 2, design.md section 4).
"""

import base64
import binascii
import re
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, CONFLICT, TOO_MANY, UNAVAILABLE = 400, 401, 404, 409, 429, 503
MAX_FAILURES: Final = 10
WINDOW_S: Final = 60.0
MAX_ADDRESSES: Final = 4_096
_ID: Final = re.compile(r"[A-Za-z0-9*_=+|@.\-]{1,48}")


class Refusal(Struct, frozen=True):
    """An HTTP answer instead of a WebSocket; `log` is for the operator and never sent."""

    status: int
    text: str
    log: str


def station_of(path: str) -> str | None:
    """Return the station id in a request path, None when there is none that we allow."""
    segments = [segment for segment in path.partition("?")[0].split("/") if segment]
    if not segments or len(segments[-1]) > 200:
        return None
    station = unquote(segments[-1]) if segments[-1].isascii() else ""
    return station if _ID.fullmatch(station) else None


def basic(header: str | None) -> tuple[str, bytes] | None:
    """Return user and password of an Authorization header, None when it has none."""
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic" or len(encoded) > 1_000:
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def unauthorised(station: str, known: bool) -> Refusal:
    """Return the refusal, the same for all; the log says what to do."""
    log = (
        f"station {station!a}: wrong password; set a new one with `evenload station add {station}`"
        if known
        else f"station {station!a} is not known; name it in a load and run `evenload station add {station}`"
    )
    return Refusal(UNAUTHORIZED, "Authentication failed.\n", log)


def no_subprotocol(station: str, offered: Sequence[str], spoken: Collection[str], pinned: str | None) -> Refusal:
    """Return the refusal of a station that offers nothing that may serve it."""
    ours = ", ".join(spoken)
    if not offered:
        remedy = f'if it speaks 1.6, add `stations: {{{station}: {{version: "1.6"}}}}` to the site file'
        return Refusal(
            BAD_REQUEST,
            f"Missing Sec-WebSocket-Protocol; this server speaks {ours}.\n",
            f"station {station!a} offers no subprotocol; {remedy}",
        )
    wanted = f"OCPP {pinned}, as the site file pins it" if pinned is not None else f"one of {ours}"
    return Refusal(
        BAD_REQUEST,
        f"None of the offered subprotocols is served; this server speaks {ours}.\n",
        f"station {station!a} offers {', '.join(offered)[:200]!a}; set its OCPP version (JSON) to {wanted}",
    )


class Failures(Struct, frozen=True):
    """Times of recent failures by address; the address not heard for longest is forgotten first."""

    at_s: dict[str, tuple[float, ...]] = {}


def recent(failures: Failures, address: str, now_s: float) -> int:
    """Return how many failures `address` had within the last minute."""
    return sum(1 for at_s in failures.at_s.get(address, ()) if now_s - at_s < WINDOW_S)


def failed(failures: Failures, address: str, now_s: float) -> Failures:
    """Return the memory with one more failure; bounded in addresses and in times for each."""
    times = (*failures.at_s.get(address, ()), now_s)[-MAX_FAILURES - 1 :]
    kept = [item for item in failures.at_s.items() if item[0] != address and now_s - item[1][-1] < WINDOW_S]
    return Failures(dict([*kept, (address, times)][-MAX_ADDRESSES:]))
