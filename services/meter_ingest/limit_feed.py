"""What a feed says → the limit that holds: numbers and contacts, signs of life, what is refused. Pure.

| said | then |
|---|---|
| a number ≥ 0, a contact | the limit as told: a write and a sign of life |
| null, an empty text, `active` false | lifted |
| negative, absurd | refused; a sign of life, the last limit holds |
| not a number, nothing at its path | refused; no sign of life: it may be another source |
| kept by the broker (`alive` false) | known, and told with the next sign of life; at once without a heartbeat |
| a `beat` that stands still | nothing |

An input is asked each second: a limit that is told again unchanged is published each 5 s, so that it fills no history.
Whether a source is missing is decided where limits are in force: in the allocator, which hears nothing then.
"""

import math
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Alert, SiteLimit
from evenload.devices.alerting import AlertRule, Subject, change_alerts
from evenload.devices.errors import DeviceError
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.normalise import Now
from services.meter_ingest.raw import Raw

MOST_W = 10_000_000.0
SILENT_S = 30.0
"""A feed that fails for so long is told of; its limit falls to its failsafe later."""
SPACING_S = 5.0
SILENT, REFUSED = "limit_feed_silent", "limit_refused"
RULES: Mapping[str, AlertRule] = {
    SILENT: AlertRule("warning", "check the source, its network and its entry below `limits` in the site file"),
    REFUSED: AlertRule("warning", "compare `value`, `active` and `scale` with what the source says"),
}
_CLOSED = frozenset({"on", "true", "1", "closed", "active", "yes"})
_OPEN = frozenset({"off", "false", "0", "open", "inactive", "no"})
_LIFTED = frozenset({"", "none", "null", "off"})


class Said(Struct, frozen=True, kw_only=True):
    """One message or answer of a feed, not yet believed."""

    tells: bool = True
    """It tells a limit; False = it is a sign of life only."""
    missing: bool = False
    """Nothing stands where the limit should."""
    value: Raw = None
    active: Raw = True
    beat: Raw = None
    beats: bool = False
    """It has a `beat`, which must change."""
    alive: bool = True
    """False = kept by the broker from before: of unknown age."""


class FeedMemory(Struct, frozen=True, kw_only=True):
    """What is known of a feed."""

    known: bool = False
    limit_w: float | None = None
    """As it was told last; None = lifted."""
    beat: Raw = None
    was_beat: bool = False
    heard_s: float | None = None
    written: tuple[float, float | None] | None = None
    """When a limit was last published as a write, and which."""
    told: Mapping[str, bool] = {}


class Outcome(Struct, frozen=True, kw_only=True):
    """What to publish; `refused` = why in one word, empty = it was understood."""

    limit: SiteLimit | None = None
    alerts: tuple[Alert, ...] = ()
    refused: str = ""


class _Refusal(Exception):
    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


def heard(plan: LimitPlan, memory: FeedMemory, said: Said, now: Now) -> tuple[FeedMemory, Outcome]:
    """Return what is known after `said`, and what to publish."""
    if said.beats:
        stands = memory.was_beat and said.beat == memory.beat
        memory = replace(memory, beat=said.beat, was_beat=True)
        if stands or said.beat is None:
            return memory, Outcome(refused="beat")
    if not said.tells:
        return _alive(plan, memory, now, wrote=False)
    try:
        memory = replace(memory, limit_w=_told_w(plan, said), known=True)
    except _Refusal as refusal:
        memory, alerts = _alerted(plan, memory, {REFUSED: str(refusal)}, now)
        if refusal.word == "absurd" and said.alive:
            memory, lives = _alive(plan, memory, now, wrote=False)
            return memory, replace(lives, alerts=alerts + lives.alerts, refused=refusal.word)
        return memory, Outcome(alerts=alerts, refused=refusal.word)
    memory, alerts = _alerted(plan, memory, {REFUSED: None}, now)
    if not said.alive and plan.terms.valid_s is not None:
        return memory, Outcome(alerts=alerts)
    memory, lives = _alive(plan, memory, now, wrote=True)
    return memory, replace(lives, alerts=alerts + lives.alerts)


def repeated(plan: LimitPlan, memory: FeedMemory, now: Now) -> SiteLimit | None:
    """Return the last limit again, for a feed without a heartbeat; None when there is none."""
    if plan.terms.valid_s is not None or not memory.known:
        return None
    return _limit(plan, memory, now, wrote=False)


def silence(
    plan: LimitPlan, memory: FeedMemory, now: Now, *, trouble: DeviceError | None, started_s: float
) -> tuple[FeedMemory, tuple[Alert, ...]]:
    """Return the alert of a feed that fails, once it has done so for a while."""
    since_s = memory.heard_s if memory.heard_s is not None else started_s
    if now.at_s - since_s <= SILENT_S:
        return memory, ()
    if trouble is None and plan.terms.valid_s is None:
        return memory, ()  # it speaks when something changes
    text = f"nothing heard for {now.at_s - since_s:.0f} s" + (f": {trouble}" if trouble is not None else "")
    return _alerted(plan, memory, {SILENT: text}, now)


def _alive(plan: LimitPlan, memory: FeedMemory, now: Now, *, wrote: bool) -> tuple[FeedMemory, Outcome]:
    memory, alerts = _alerted(plan, replace(memory, heard_s=now.at_s), {SILENT: None}, now)
    same = memory.written is not None and memory.written[1] == memory.limit_w
    spaced_s = min(SPACING_S, (plan.terms.valid_s or SPACING_S) / 4)
    too_soon = wrote and same and memory.written is not None and now.at_s - memory.written[0] < spaced_s
    if not memory.known or too_soon:
        return memory, Outcome(alerts=alerts)
    if wrote:
        memory = replace(memory, written=(now.at_s, memory.limit_w))
    return memory, Outcome(limit=_limit(plan, memory, now, wrote=wrote), alerts=alerts)


def _limit(plan: LimitPlan, memory: FeedMemory, now: Now, *, wrote: bool) -> SiteLimit:
    terms = plan.terms
    return SiteLimit(
        site=plan.site,
        source=plan.source,
        scope=terms.scope,
        issued_at=now.utc,
        limit_w=memory.limit_w,
        floor_w=terms.floor_w,
        valid_s=terms.valid_s,
        failsafe_w=terms.failsafe_w,
        failsafe_s=terms.failsafe_s,
        heartbeat_only=not wrote,
        why=f"by {plan.driver}",
    )


def _told_w(plan: LimitPlan, said: Said) -> float | None:
    """Return the limit that is told, W, None = lifted; raise `_Refusal`."""
    if said.missing:
        raise _Refusal("garbage", "nothing stands where the limit should")
    active = truth(said.active)
    if active is None:
        raise _Refusal("garbage", f"`active` is {_shown(said.active)}: neither on nor off")
    contact_w = plan.terms.contact_w
    if contact_w is not None:
        closed = truth(said.value)
        if closed is None:
            raise _Refusal("garbage", f"{_shown(said.value)} is no state of a contact")
        return contact_w if active and closed is not plan.invert else None
    if not active or said.value is None or str(said.value).strip().lower() in _LIFTED:
        return None
    return _number_w(plan, said.value)


def _number_w(plan: LimitPlan, value: Raw) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    limit_w = number * plan.scale
    if math.isnan(limit_w):
        raise _Refusal("garbage", f"{_shown(value)} is no number of W")
    if not 0 <= limit_w <= MOST_W:
        raise _Refusal("absurd", f"{_shown(value)} is negative or absurd: the last limit holds")
    return limit_w


def truth(value: Raw) -> bool | None:
    """Return whether a contact is closed; None for what is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value == 1 if value in (0, 1) else None
    word = value.strip().lower() if isinstance(value, str) else None
    return True if word in _CLOSED else False if word in _OPEN else None


def _shown(value: Raw) -> str:
    return repr(value)[:60]


def _alerted(
    plan: LimitPlan, memory: FeedMemory, found: Mapping[str, str | None], now: Now
) -> tuple[FeedMemory, tuple[Alert, ...]]:
    told, alerts = change_alerts(Subject(plan.site, plan.source, RULES), memory.told, found, now.utc)
    return replace(memory, told=told), alerts
