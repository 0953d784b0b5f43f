"""NATS service discovery (ADR-32): answers to `$SRV.PING`, `INFO` and `STATS`, so that `nats micro ls` lists us."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from evenload.runtime.bus import Bus, Responder, Subscription
from evenload.runtime.serving import Serving

Verb = Literal["PING", "INFO", "STATS"]
VERBS: tuple[Verb, ...] = ("PING", "INFO", "STATS")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers."""

    name: str
    id: str
    version: str
    description: str
    started: datetime


def subjects_of(verb: Verb, identity: Identity) -> tuple[str, str, str]:
    """Return the three subjects on which `verb` is asked: of all, of this name, of this process."""
    return (f"$SRV.{verb}", f"$SRV.{verb}.{identity.name}", f"$SRV.{verb}.{identity.name}.{identity.id}")


def answer(verb: Verb, identity: Identity, served: Sequence[Serving]) -> bytes:
    """Return the JSON answer to `verb`."""
    served = [serving for serving in served if not serving.subject.startswith("$SRV.")]
    kind = {"PING": "ping", "INFO": "info", "STATS": "stats"}[verb]
    body: dict[str, object] = {
        "type": f"io.nats.micro.v1.{kind}_response",
        "name": identity.name,
        "id": identity.id,
        "version": identity.version,
        "metadata": {},
    }
    if verb == "INFO":
        body |= {"description": identity.description, "endpoints": [_endpoint(serving) for serving in served]}
    if verb == "STATS":
        body |= {"started": identity.started, "endpoints": [_counts(serving) for serving in served]}
    return msgspec.json.encode(body)


def _endpoint(serving: Serving) -> dict[str, object]:
    return {"name": "serve", "subject": serving.subject, "queue_group": "", "metadata": {}}


def _counts(serving: Serving) -> dict[str, object]:
    busy_ns = round(serving.busy_s * 1e9)
    return {
        "name": "serve",
        "subject": serving.subject,
        "queue_group": "",
        "num_requests": serving.requests,
        "num_errors": serving.errors + serving.refused,
        "last_error": "",
        "processing_time": busy_ns,
        "average_processing_time": busy_ns // max(1, serving.requests),
    }


async def announce_on(bus: Bus, identity: Identity, served: Sequence[Serving]) -> list[Subscription]:
    """Answer discovery on `bus` from now on; `served` is looked at with each question."""
    return [
        await bus.serve(subject, _responder(verb, identity, served))
        for verb in VERBS
        for subject in subjects_of(verb, identity)
    ]


def _responder(verb: Verb, identity: Identity, served: Sequence[Serving]) -> Responder:
    async def respond(subject: str, data: bytes) -> bytes:
        return answer(verb, identity, served)

    return respond
