"""What is good and what is not about an installation, from the facts that `evenload doctor` gathered. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from evenload.contracts.events import Alert, Decision
from evenload.contracts.records import SiteRecord
from evenload.site.load import load_text

Verdict = Literal["good", "doubtful", "bad"]
NEEDED = ("allocator", "meter_ingest", "ocpp_gateway", "plug_control")
PLANNING, OUTWARD = "planner", "home_assistant"
WITHOUT = {
    PLANNING: "control goes on, but nothing is planned ahead and NATS is not measured",
    OUTWARD: "control goes on, but a site file asks for `mqtt: {discovery: true}`",
}
"""What is lacking without a service that control does not need."""
CLOCK_OFF_S = 2.0
DECISION_OLD_S = 150.0
"""A decision is told at least each 60 s."""
ENDS_SOON = timedelta(days=21)
"""As the alert CertificateEnding."""
RECENT = timedelta(days=1)


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the report."""

    verdict: Verdict
    about: str
    text: str
    remedy: str = ""


class Kept(Struct, frozen=True, kw_only=True):
    """A declared stream or bucket as the server has it."""

    name: str
    missing: bool = False
    differs: tuple[str, ...] = ()
    refused: str = ""


class Facts(Struct, frozen=True, kw_only=True):
    """What was found."""

    url: str
    version: str
    """Of this command."""
    round_trip_s: float
    jetstream: str
    """Why JetStream does not answer; empty = it does."""
    clock_off_s: float | None
    """This machine's clock less the server's."""
    synced: bool | None
    """Does the server sync each write; None = it could not be asked."""
    kept: tuple[Kept, ...] = ()
    services: dict[str, tuple[str, ...]] = {}
    """Version of each process of each service that answers."""
    allocator_clock_off_s: float | None = None
    """Clock of those who decide less the server's; None = nothing was decided."""
    certificates: dict[str, datetime | None] = {}
    """When each ends; None = it cannot be read."""
    readable_by_others: tuple[str, ...] = ()
    """Files with secrets that everybody on this machine may read."""
    alerts: tuple[Alert, ...] = ()
    """Standing alerts about the processes themselves."""
    sites: dict[str, SiteRecord] = {}
    decisions: dict[str, Decision] = {}
    """The newest of each site."""
    now: datetime


def examined(facts: Facts) -> list[Finding]:
    """Return the report, in the order in which things depend on each other."""
    return [
        *_server(facts),
        *_disk(facts),
        *_streams(facts),
        *_services(facts),
        *_certificates(facts),
        *_permissions(facts),
        *_sites(facts),
    ]


def _server(facts: Facts) -> Iterator[Finding]:
    slow = facts.round_trip_s > 0.05
    yield Finding(
        verdict="doubtful" if slow else "good",
        about="NATS",
        text=f"{facts.url} answers in {1000 * facts.round_trip_s:.1f} ms",
        remedy="the server or the network is busy; control wants under 50 ms" if slow else "",
    )
    if facts.jetstream:
        yield Finding(
            verdict="bad",
            about="JetStream",
            text=facts.jetstream,
            remedy="enable it (jetstream { store_dir: … }), make room on its disk, or use the operator's credentials",
        )
    for who, off_s in (("this machine", facts.clock_off_s), ("the allocator", facts.allocator_clock_off_s)):
        if off_s is None:
            continue
        off = abs(off_s) > CLOCK_OFF_S
        yield Finding(
            verdict="doubtful" if off else "good",
            about="clock",
            text=f"{who} and the server differ by {abs(off_s):.1f} s",
            remedy="let both follow a time server; control does not mind, times shown and schedules do" if off else "",
        )


def _disk(facts: Facts) -> Iterator[Finding]:
    if facts.synced is None:
        remedy = "say --monitor http://HOST:8222, the server's monitoring address"
        yield Finding(verdict="doubtful", about="disk sync", text="could not be asked", remedy=remedy)
    elif facts.synced:
        yield Finding(verdict="good", about="disk sync", text="each acknowledged write is on disk")
    else:
        text = "a power cut loses transactions of the last minutes"
        yield Finding(verdict="bad", about="disk sync", text=text, remedy="jetstream { sync_interval: always }")


def _streams(facts: Facts) -> Iterator[Finding]:
    faults = [kept for kept in facts.kept if kept.missing or kept.differs or kept.refused]
    for kept in faults:
        if kept.missing:
            yield Finding(verdict="bad", about=kept.name, text="is not there", remedy="evenload nats provision")
        elif kept.refused:
            remedy = "use the operator's credentials, or see the server's log"
            yield Finding(
                verdict="doubtful", about=kept.name, text=f"cannot be looked at: {kept.refused}", remedy=remedy
            )
        else:
            text = f"is not as declared: {', '.join(kept.differs)}"
            yield Finding(verdict="doubtful", about=kept.name, text=text, remedy="evenload nats provision")
    if facts.kept and not faults:
        yield Finding(
            verdict="good", about="streams", text=f"all {len(facts.kept)} streams and buckets are as declared"
        )


def _services(facts: Facts) -> Iterator[Finding]:
    for name in _asked_for(facts):
        versions = facts.services.get(name, ())
        other = sorted(set(versions) - {facts.version})
        if not versions:
            needed = name in NEEDED
            text = "does not answer" if needed else f"does not answer; {WITHOUT[name]}"
            remedy = f"start it: evenload run {name}, or evenload up"
            yield Finding(verdict="bad" if needed else "doubtful", about=name, text=text, remedy=remedy)
        elif other:
            text = f"has version {', '.join(other)}, this command {facts.version}"
            yield Finding(
                verdict="doubtful", about=name, text=text, remedy="old and new run side by side; do not stay so"
            )
        else:
            count = f", {len(versions)} processes" if len(versions) > 1 else ""
            yield Finding(verdict="good", about=name, text=f"answers, version {facts.version}{count}")


def _asked_for(facts: Facts) -> tuple[str, ...]:
    sites = [load_text(record.text, record.source).site for record in facts.sites.values()]
    outward = any(site is not None and site.mqtt is not None and site.mqtt.discovery for site in sites)
    return (*NEEDED, PLANNING, *((OUTWARD,) if outward else ()))


def _certificates(facts: Facts) -> Iterator[Finding]:
    for name, ends_at in facts.certificates.items():
        about, remedy = "certificate", "put a new one in its place; docs/runbook/CertificateEnding.md"
        if ends_at is None:
            remedy = "is it PEM, is the port right? openssl s_client shows what is there"
            yield Finding(verdict="doubtful", about=about, text=f"{name}: cannot be read", remedy=remedy)
            continue
        left, text = ends_at - facts.now, f"{name}: ends {ends_at:%Y-%m-%d}"
        if left <= timedelta():
            yield Finding(verdict="bad", about=about, text=f"{name}: ended {ends_at:%Y-%m-%d}", remedy=remedy)
        elif left < ENDS_SOON:
            yield Finding(verdict="doubtful", about=about, text=f"{text}, in {left.days} days", remedy=remedy)
        else:
            yield Finding(verdict="good", about=about, text=text)


def _permissions(facts: Facts) -> Iterator[Finding]:
    for path in facts.readable_by_others:
        text = f"{path} holds a secret and others on this machine may read it"
        yield Finding(verdict="doubtful", about="permissions", text=text, remedy=f"chmod 0400 {path}")
    recent = [alert for alert in facts.alerts if facts.now - alert.at < RECENT]
    for alert in recent:
        text = f"{alert.kind} since {alert.at:%H:%M} UTC: {alert.about}: {alert.text}"
        denied = alert.kind == "bus_permission"
        remedy = "evenload nats init on the same folder, reload NATS; has each service its own file?"
        yield Finding(
            verdict="doubtful",
            about="permissions" if denied else "alert",
            text=text,
            remedy=remedy if denied else alert.remedy,
        )
    if not facts.readable_by_others and not any(alert.kind == "bus_permission" for alert in recent):
        yield Finding(verdict="good", about="permissions", text="nobody was denied anything within a day")


def _sites(facts: Facts) -> Iterator[Finding]:
    if not facts.sites:
        yield Finding(verdict="bad", about="sites", text="none is in force", remedy="evenload site apply FILE")
    for name, record in sorted(facts.sites.items()):
        found = list(_site(record))
        found += _decided(name, facts.decisions.get(name), facts.now)
        yield from found


def _site(record: SiteRecord) -> Iterator[Finding]:
    loaded = load_text(record.text, record.source)
    for each in loaded.findings:
        verdict: Verdict = "doubtful" if each.severity == "warning" else "bad"
        text = f"{each.file}:{each.line}: {each.path}: {each.fault}"
        yield Finding(verdict=verdict, about=f"site {record.site}", text=text, remedy=each.remedy)


def _decided(site: str, decision: Decision | None, now: datetime) -> Iterator[Finding]:
    about = f"site {site}"
    if decision is None:
        remedy = "does the allocator run, are the meters heard? evenload status"
        yield Finding(verdict="bad", about=about, text="nothing was decided yet", remedy=remedy)
        return
    age_s = (now - decision.decided_at).total_seconds()
    if age_s > DECISION_OLD_S:
        text = f"the newest decision is {age_s:.0f} s old"
        yield Finding(verdict="bad", about=about, text=text, remedy="does the allocator run, does it own the site?")
    elif decision.health != "normal":
        remedy = "the grid meter is not heard; evenload status names it"
        yield Finding(verdict="bad", about=about, text=f"health is {decision.health}", remedy=remedy)
    else:
        yield Finding(verdict="good", about=about, text=f"decided {age_s:.0f} s ago, health normal")
