"""The newest stored event of each subject, asked of JetStream: so that `status` shows at once what was said before."""

import json
from datetime import datetime
from typing import TypeVar

import msgspec

from evenload.cli.sites import site_records, zones
from evenload.cli.status_view import StatusEvent, View, heard, zoned
from evenload.contracts import subjects
from evenload.contracts.events import Alert, Decision, LoadState, MeterReading
from evenload.contracts.plan_events import LoadPlan
from evenload.contracts.wire import ContractError, decode_as
from evenload.runtime.bus import Bus, BusTimeout
from evenload.runtime.clock import Clock

MAX_SUBJECTS = 500
Wanted = TypeVar("Wanted", bound=StatusEvent)
ASK_S = 2.0


async def last_known(bus: Bus, clock: Clock) -> View:
    """Return the view made of the newest stored decisions, load states, readings, plans and alerts."""
    view = View()
    for stream, pattern, wanted in (
        ("history", subjects.decision(), Decision),
        ("history", subjects.load_state(), LoadState),
        ("history", subjects.reading(), MeterReading),
        ("load_plans", subjects.load_plan(), LoadPlan),
        ("alerts", subjects.alerts(), Alert),
    ):
        for subject in await _stored_subjects(bus, stream, pattern):
            event = await newest(bus, stream, subject, wanted)
            if event is not None:
                view = heard(view, event, clock.monotonic() - _age_s(event, clock.utc()))
    return zoned(view, zones(await site_records(bus)))


async def _stored_subjects(bus: Bus, stream: str, pattern: str) -> list[str]:
    """Return the subjects below `pattern` of which the stream holds events."""
    question = json.dumps({"subjects_filter": pattern}).encode()
    try:
        answer = msgspec.json.decode(await bus.request(f"$JS.API.STREAM.INFO.{stream}", question, ASK_S))
    except BusTimeout:
        return []  # no stream: nothing was ever stored
    return sorted(answer.get("state", {}).get("subjects") or {})[:MAX_SUBJECTS]


async def newest(bus: Bus, stream: str, subject: str, wanted: type[Wanted]) -> Wanted | None:
    """Return the newest stored event on `subject`; None when there is none that can be read."""
    try:
        data = await bus.request(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"", ASK_S)
        return decode_as(wanted, data, subject)
    except (BusTimeout, ContractError):
        return None  # gone meanwhile, or written by another version


def _age_s(event: StatusEvent, now: datetime) -> float:
    """Return how old a stored event is by its own time; only for showing."""
    if isinstance(event, Alert | LoadPlan):
        return 0.0
    said_at = event.decided_at if isinstance(event, Decision) else event.measured_at
    return max(0.0, (now - said_at).total_seconds())
