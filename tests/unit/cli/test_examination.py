"""What `evenload doctor` says of each thing that can be wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from evenload.cli.examination import NEEDED, OUTWARD, PLANNING, Facts, Finding, Kept, examined
from evenload.contracts.events import Alert, Decision
from evenload.contracts.records import SiteRecord

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SITE = """\
site: home
grid: {breaker_a: 25}
meters:
  p1: {role: grid, driver: homewizard, host: p1.lan}
loads:
  wallbox: {type: evse, station: CP1}
"""
RECORD = SiteRecord(site="home", text=SITE, source="home.yaml", applied_at=NOW, config_rev=1)
WELL = Facts(
    url="nats://127.0.0.1:4222",
    version="1.0.0",
    round_trip_s=0.001,
    jetstream="",
    clock_off_s=0.1,
    synced=True,
    kept=(Kept(name="history"),),
    services=dict.fromkeys((*NEEDED, PLANNING), ("1.0.0",)),
    allocator_clock_off_s=-0.01,
    certificates={"ca.pem": NOW + timedelta(days=300)},
    sites={"home": RECORD},
    decisions={"home": Decision(site="home", decided_at=NOW - timedelta(seconds=5))},
    now=NOW,
)


DENIED = Alert(
    site="_system", kind="bus_permission", about="planner/bus", active=True, at=NOW - timedelta(hours=1),
    severity="critical", text="permissions violation", remedy="see the log of planner",
)  # fmt: skip


def faults(facts: Facts) -> list[Finding]:
    return [finding for finding in examined(facts) if finding.verdict != "good"]


def test_what_is_well_has_no_faults() -> None:
    assert faults(WELL) == []
    assert len(examined(WELL)) == 9 + len(NEEDED)


@pytest.mark.parametrize(
    ("changes", "verdict", "about", "remedy"),
    [
        ({"round_trip_s": 0.2}, "doubtful", "NATS", "busy"),
        ({"jetstream": "no room"}, "bad", "JetStream", "make room"),
        ({"clock_off_s": -5.0}, "doubtful", "clock", "time server"),
        ({"allocator_clock_off_s": 5.0}, "doubtful", "clock", "time server"),
        ({"certificates": {"ca.pem": NOW + timedelta(days=20)}}, "doubtful", "certificate", "CertificateEnding"),
        ({"certificates": {"ca.pem": NOW - timedelta(days=1)}}, "bad", "certificate", "CertificateEnding"),
        ({"certificates": {"ca.pem": None}}, "doubtful", "certificate", "PEM"),
        ({"readable_by_others": ("operator.key",)}, "doubtful", "permissions", "chmod 0400 operator.key"),
        ({"alerts": (DENIED,)}, "doubtful", "permissions", "nats init"),
        ({"synced": False}, "bad", "disk sync", "sync_interval: always"),
        ({"synced": None}, "doubtful", "disk sync", "--monitor"),
        ({"kept": (Kept(name="transactions", missing=True),)}, "bad", "transactions", "provision"),
        ({"kept": (Kept(name="history", differs=("max_age",)),)}, "doubtful", "history", "provision"),
        ({"kept": (Kept(name="history", refused="no answer"),)}, "doubtful", "history", "credentials"),
        ({"sites": {}, "decisions": {}}, "bad", "sites", "site apply"),
        ({"decisions": {}}, "bad", "site home", "allocator"),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(changes: dict[str, object], verdict: str, about: str, remedy: str) -> None:
    (found,) = faults(replace(WELL, **changes))
    assert (found.verdict, found.about) == (verdict, about)
    assert remedy in found.remedy


def test_a_service_that_is_silent_or_of_another_version_is_told() -> None:
    services = WELL.services | {"allocator": ("0.9.0", "1.0.0")}
    del services["plug_control"], services[PLANNING]
    found = {finding.about: finding for finding in faults(replace(WELL, services=services))}
    assert found["allocator"].verdict == "doubtful"
    assert found["plug_control"].verdict == "bad"
    assert "evenload run plug_control" in found["plug_control"].remedy
    assert found[PLANNING].verdict == "doubtful"
    assert "planned ahead" in found[PLANNING].text


def test_a_service_is_asked_for_that_a_site_file_asks_for() -> None:
    text = SITE + "mqtt: {broker: mqtt://10.0.0.1, discovery: true}\n"
    (found,) = faults(replace(WELL, sites={"home": replace(RECORD, text=text)}))
    assert found.about == OUTWARD
    assert "discovery" in found.text


def test_what_was_denied_long_ago_is_no_news() -> None:
    assert faults(replace(WELL, alerts=(replace(DENIED, at=NOW - timedelta(days=2)),))) == []


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (Decision(site="home", decided_at=NOW - timedelta(seconds=200)), "200 s old"),
        (Decision(site="home", decided_at=NOW, health="failsafe"), "failsafe"),
    ],
)
def test_a_site_that_is_not_decided_well_is_bad(decision: Decision, text: str) -> None:
    (found,) = faults(replace(WELL, decisions={"home": decision}))
    assert found.verdict == "bad"
    assert text in found.text


def test_a_warning_of_a_site_file_is_a_doubt_with_its_line() -> None:
    text = SITE.replace("grid: {breaker_a: 25}", "grid: {breaker_a: 25, buffer_w: 100}")
    (found,) = faults(replace(WELL, sites={"home": replace(RECORD, text=text)}))
    assert found.verdict == "doubtful"
    assert "home.yaml:2" in found.text
