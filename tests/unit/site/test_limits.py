"""Limits from outside in the site file: the rule's figures, what holds for a source, and what is refused."""

import pytest

from evenload.site.limits import guaranteed_w
from evenload.site.load import load_text
from evenload.site.schema import Site, limit_terms, rule_devices

HOME = """
site: home
grid: {{breaker_a: 35}}
meters: {{p1: {{role: grid, driver: homewizard, host: 192.168.1.20}}}}
mqtt: {{broker: mqtt://192.168.1.10}}
limits:
  dso: {{{limit}}}
loads:
  car: {{type: evse, station: CP1}}
  small: {{type: evse, station: CP2, phases: [L1], max_a: 16}}
  pump: {{type: plug, driver: shelly, host: 192.168.1.41, power_w: 4200, phases: [L1]}}
  stove: {{type: plug, driver: shelly, host: 192.168.1.42, power_w: 4201, phases: [L1]}}
"""


def loaded(limit: str) -> Site:
    found = load_text(HOME.format(limit=limit), "home.yaml")
    assert found.site is not None, found.findings
    return found.site


@pytest.mark.parametrize(
    ("devices", "wanted_w"),
    [
        (1, 4200.0), (2, 7560.0), (3, 10_500.0), (4, 13_020.0), (5, 15_120.0), (6, 16_800.0), (7, 18_060.0),
        (8, 18_900.0), (9, 19_320.0), (10, 21_210.0), (20, 40_110.0),
    ],
)  # fmt: skip
def test_what_the_rule_leaves(devices: int, wanted_w: float) -> None:
    """4.2 kW + (n − 1) · g · 4.2 kW, with g by the table of the rule."""
    assert guaranteed_w(devices) == wanted_w


def test_more_devices_are_never_left_less() -> None:
    assert [guaranteed_w(n) for n in range(1, 50)] == sorted(guaranteed_w(n) for n in range(1, 50))


def test_devices_above_4200_w_count() -> None:
    assert rule_devices(loaded("rule: 14a, driver: bus")) == 2


def test_the_rule_sets_scope_floor_failsafe_and_contact() -> None:
    terms = limit_terms(loaded("rule: 14a, driver: shelly, host: 192.168.1.50"), "dso")
    assert terms is not None
    assert (terms.scope, terms.contact_w, terms.floor_w, terms.failsafe_w) == ("managed", 7560.0, 7560.0, 7560.0)
    assert (terms.valid_s, terms.failsafe_s) == (120.0, 7200.0)


def test_without_a_rule_the_import_is_bound_and_4200_w_are_the_failsafe() -> None:
    terms = limit_terms(loaded("driver: mqtt, topic: dso/limit"), "dso")
    assert terms is not None
    assert (terms.scope, terms.contact_w, terms.floor_w, terms.failsafe_w) == ("import", None, None, 4200.0)


def test_without_a_heartbeat_nothing_can_be_missing() -> None:
    terms = limit_terms(loaded("driver: mqtt, topic: dso/limit, heartbeat_s: 0"), "dso")
    assert terms is not None
    assert (terms.valid_s, terms.failsafe_s) == (None, None)


def test_devices_may_be_said() -> None:
    terms = limit_terms(loaded("rule: 14a, driver: bus, devices: 4"), "dso")
    assert terms is not None
    assert terms.failsafe_w == 13_020.0


@pytest.mark.parametrize(
    ("limit", "path", "words"),
    [
        ("driver: shelly, host: 192.168.1.50", "limits.dso", "nothing says what it sets"),
        ("driver: mqtt, topic: a, limit_w: 5000", "limits.dso.limit_w", "tells a number"),
        ("driver: mqtt, topic: a, invert: true", "limits.dso.invert", "only a contact"),
        ("driver: mqtt, topic: a, devices: 2", "limits.dso.devices", "there is none"),
        ("driver: bus, rule: 14a, scope: import", "limits.dso.scope", "not the whole connection"),
        ("driver: bus, rule: 14a, failsafe_w: 4200", "limits.dso.failsafe_w", "less than the 7560 W"),
        ("driver: modbus, host: 192.168.1.50, limit_w: 5000, contact: true", "limits.dso", "one of bit and register"),
        ("driver: mqtt, topic: a/#", "limits.dso.topic", "wildcard"),
        ("driver: mqtt, topic: a, heartbeat_topic: b, heartbeat_s: 0", "limits.dso.heartbeat_s", "heartbeat_s is 0"),
        ('driver: http_json, url: "http://me:pw@x/"', "limits.dso.url", "password"),
        ('driver: http_json, url: "http://x/", period_s: 90', "limits.dso.period_s", "missing after 120 s"),
        ("driver: mqtt, topic: a, failsafe_s: 60", "limits.dso.failsafe_s", "7200"),
        ("driver: mqtt, topic: a, failsafe_w: -1", "limits.dso.failsafe_w", "≥ 0"),
        ("driver: mqqt, topic: a", "limits.dso.driver", "no driver of a limit"),
        ("driver: mqtt, topic: a, valu: x", "limits.dso.valu", "unknown key"),
        ("driver: mqtt", "limits.dso.topic", "missing"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(limit: str, path: str, words: str) -> None:
    found = load_text(HOME.format(limit=limit), "home.yaml")
    assert found.site is None
    assert any(each.path == path and words in each.fault + each.remedy for each in found.findings), found.findings


def test_a_broker_is_needed_for_mqtt() -> None:
    text = HOME.format(limit="driver: mqtt, topic: a").replace("mqtt: {broker: mqtt://192.168.1.10}\n", "")
    assert any("needs a broker" in each.fault for each in load_text(text, "home.yaml").findings)


def test_an_off_grid_site_has_no_limits_from_outside() -> None:
    text = HOME.format(limit="driver: bus").replace("grid: {breaker_a: 35}\n", "").replace("role: grid", "role: solar")
    assert any(each.path == "limits" and "no grid" in each.fault for each in load_text(text, "home.yaml").findings)
