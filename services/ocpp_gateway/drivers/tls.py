"""TLS for stations: security profile 2 (TLS and password), or 3 (the station shows a certificate of ours).

The files are read again when they change, without a restart: new handshakes get the new certificate, connections stay.
A file that cannot be used is told, and what was in force goes on.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from services.ocpp_gateway.certificate import expires_s

LOOK_EVERY_S: Final = 10.0


class TlsFault(Exception):
    """Certificate files that cannot be used; the operator must act."""

    def __init__(self, files: "TlsFiles", why: str) -> None:
        self.files, self.why = files, why

    def __str__(self) -> str:
        named = ", ".join(str(path) for path in self.files.paths())
        return (
            f"TLS for stations: {self.why}; check {named} (PEM; EVENLOAD_OCPP_TLS_CERT with the whole chain, "
            "EVENLOAD_OCPP_TLS_KEY its key, EVENLOAD_OCPP_TLS_CA who signs the stations' certificates)"
        )


class TlsFiles(Struct, frozen=True):
    """The server's chain and key, and for profile 3 the authority that signs the stations' certificates."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def paths(self) -> tuple[Path, ...]:
        """Return all files."""
        return (self.cert, self.key) if self.client_ca is None else (self.cert, self.key, self.client_ca)


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the server's side of TLS 1.2 and newer. Raises `TlsFault`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load(context, files)
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Put the files in force in `context`. Raises `TlsFault`, and then nothing has changed."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key)
        context.load_cert_chain(files.cert, files.key)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
    except (OSError, ssl.SSLError) as fault:
        raise TlsFault(files, str(fault)) from fault


def ends_s(files: TlsFiles) -> dict[str, float]:
    """Return when the certificates in `files` end, UNIX seconds: `stations` our chain, `stations_ca` the authority."""
    named = {"stations": files.cert, "stations_ca": files.client_ca}
    found = {name: expires_s(_text(path)) for name, path in named.items() if path is not None}
    return {name: end_s for name, end_s in found.items() if end_s is not None}


def _text(path: Path) -> str:
    """Return what a file holds, "" when it is just being replaced."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _stamps(files: TlsFiles) -> tuple[tuple[int, int], ...]:
    """Return what changes when a file does; a missing one is (0, 0)."""
    found = []
    for path in files.paths():
        try:
            facts = path.stat()
            found.append((facts.st_mtime_ns, facts.st_ino))
        except OSError:
            found.append((0, 0))
    return tuple(found)


async def watch(
    context: ssl.SSLContext,
    files: TlsFiles,
    tell: Callable[[str], None],
    show: Callable[[dict[str, float]], None],
    *,
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Put changed files in force for ever.

    `tell` gets a line for each change and each fault, `show` at first and with each change when the certificates end.
    """
    show(ends_s(files))
    seen = _stamps(files)
    while True:
        await asyncio.sleep(every_s)
        now = _stamps(files)
        if now == seen:
            continue
        seen = now
        try:
            load(context, files)
            show(ends_s(files))
            tell(f"certificate {files.cert} was read again")
        except TlsFault as fault:
            tell(str(fault))
