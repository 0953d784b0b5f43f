"""Alerts about one device: raised once, cleared once. Pure.

What an earlier run may have raised is not known; a kind is told for the first time as soon as it is known to stand or
not, so that nothing stays raised for ever.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from evenload.contracts.events import Alert, Severity


class AlertRule(Struct, frozen=True):
    """How grave, and what to do."""

    severity: Severity
    remedy: str


class Subject(Struct, frozen=True):
    """Whom alerts are about, and the rules of each kind."""

    site: str
    about: str
    rules: Mapping[str, AlertRule]


def change_alerts(
    subject: Subject, told: Mapping[str, bool], found: Mapping[str, str | None], now: datetime
) -> tuple[Mapping[str, bool], tuple[Alert, ...]]:
    """Return what was told by now, and the alerts to send.

    `found`: kind → text while it stands, None when it does not; kinds not in it stay as they are.
    """
    changed = {kind: text for kind, text in found.items() if told.get(kind) is not (text is not None)}
    if not changed:
        return told, ()
    alerts = tuple(_alert(subject, kind, text, now) for kind, text in changed.items())
    return {**told, **{kind: text is not None for kind, text in changed.items()}}, alerts


def _alert(subject: Subject, kind: str, text: str | None, now: datetime) -> Alert:
    rule = subject.rules[kind]
    return Alert(
        site=subject.site,
        kind=kind,
        about=subject.about,
        active=text is not None,
        at=now,
        severity=rule.severity,
        text=text or "",
        remedy=rule.remedy if text else "",
    )
