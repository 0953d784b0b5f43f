"""What `evenload doctor` asks beside streams and sites: every process, clocks, certificates, who may read secrets."""

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from evenload.cli.running import Running
from evenload.contracts import subjects
from evenload.contracts.events import Decision
from evenload.contracts.wire import ContractError, decode_as
from evenload.runtime.bus import BusError
from evenload.runtime.nats_buckets import Message
from evenload.runtime.nats_bus import NatsBus
from evenload.runtime.settings import Settings
from services.ocpp_gateway.certificate import expires_s

LISTEN_S = 0.7
"""All processes answer one question; who has not by then is silent."""
CONNECT_S, ASK_S = 2.0, 2.0
MOST_SITES = 50
PREFIX = "evenload-"
NATS_PORT = 4222
READABLE_BY_OTHERS = 0o077


async def processes(bus: NatsBus) -> dict[str, tuple[str, ...]]:
    """Return the version of each process of each service that answers. Raises `BusDown`."""
    link = bus.link("who is there")
    inbox, found = link.new_inbox(), defaultdict[str, list[str]](list)

    def on_answer(message: Message) -> None:
        with suppress(msgspec.DecodeError):
            told = msgspec.json.decode(message.data or b"null")
            if isinstance(told, dict) and str(told.get("name", "")).startswith(PREFIX):
                found[str(told["name"]).removeprefix(PREFIX)].append(str(told.get("version", "unknown")))

    stop = await link.listen(inbox, on_answer)
    try:
        link.send(Message("$SRV.PING", b"", inbox))
        await asyncio.sleep(LISTEN_S)
    finally:
        stop()
    return {name: tuple(sorted(versions)) for name, versions in found.items()}


async def allocator_clock_off_s(bus: NatsBus, sites: Iterable[str]) -> float | None:
    """Return how far the clock of who decides is most off the server's, s, + ahead; None = no decision is stored."""
    off_s = [await _stamp_off_s(bus, site) for site in list(sites)[:MOST_SITES]]
    return max((each for each in off_s if each is not None), key=abs, default=None)


async def _stamp_off_s(bus: NatsBus, site: str) -> float | None:
    """Return the time that a decision names less that at which the server stored it, s."""
    question = json.dumps({"last_by_subj": subjects.decision(site)}).encode()
    try:
        found = await bus.link("clocks").ask(Message("$JS.API.DIRECT.GET.history", question), ASK_S)
        stored_at = datetime.fromisoformat(found.headers["Nats-Time-Stamp"])
        return (decode_as(Decision, found.data).decided_at - stored_at).total_seconds()
    except (BusError, ContractError, KeyError, ValueError):
        return None  # nothing was decided yet, or it was written by another version


async def certificates(settings: Settings, running: Running | None) -> dict[str, datetime | None]:
    """Return when each certificate ends that is shown or named here; None = it cannot be read."""
    found: dict[str, datetime | None] = {}
    for url in map(str.strip, settings.nats_url.split(",")):
        if urlsplit(url).scheme == "tls":
            found[f"of NATS at {urlsplit(url).hostname}"] = await _shown(url, NATS_PORT, greets=True)
    if running is not None and running.ocpp_url.startswith("wss:"):
        found["that stations are shown"] = await _shown(running.ocpp_url, 443, greets=False)
    for path in (settings.nats_ca, settings.ocpp_tls_cert, settings.ocpp_tls_ca):
        if path:
            found[path] = _ends_of(Path(path))
    return found


def _ends_of(path: Path) -> datetime | None:
    try:
        return _ends(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


async def _shown(url: str, port: int, *, greets: bool) -> datetime | None:
    """Return when the certificate ends that is shown there; `greets`: the server speaks first, then TLS begins."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE  # only looked at; connecting has verified it
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(CONNECT_S):
            context = None if greets else anyone
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or port, ssl=context)
            try:
                if greets:
                    await reader.readline()
                    await writer.start_tls(anyone)
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            finally:
                writer.close()
    except (OSError, TimeoutError, ssl.SSLError):
        return None
    return _ends(ssl.DER_cert_to_PEM_cert(shown)) if shown else None


def _ends(pem: str) -> datetime | None:
    ends_s = expires_s(pem)
    return None if ends_s is None else datetime.fromtimestamp(ends_s, UTC)


def readable_by_others(settings: Settings) -> tuple[str, ...]:
    """Return the files with secrets that others on this machine may read."""
    secret = (settings.nats_creds, settings.ocpp_tls_key)
    return tuple(path for path in secret if path and _mode(Path(path)) & READABLE_BY_OTHERS)


def _mode(path: Path) -> int:
    """Return who may read a file; nobody may read one that is not there."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
