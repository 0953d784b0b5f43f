"""Cross-checks of limits from outside: what a feed tells can be understood, and fits its rule."""

from evenload.site.findings import Report
from evenload.site.limit_drivers import BusLimit, HttpJsonLimit, ModbusLimit, MqttLimit, tells_a_contact
from evenload.site.limits import OutsideLimit, guaranteed_w, period_of
from evenload.site.scalars import plain_number
from evenload.site.schema import Site, rule_devices

MOST_SOURCES = 32
"""As many as the allocator listens to."""


def limits(site: Site, report: Report) -> None:
    """Each source of limits has what its kind needs, and nothing that its rule forbids."""
    if len(site.limits) > MOST_SOURCES:
        report.fault("limits", f"{len(site.limits)} sources", f"{MOST_SOURCES} are the most")
    if site.limits and site.grid is None:
        what = "limits from outside, but the site has no grid"
        report.fault("limits", what, "add grid: {breaker_a: …}, or remove them", involves=("grid",))
    for name, limit in site.limits.items():
        _terms(f"limits.{name}", limit, site, report)


def _terms(path: str, limit: OutsideLimit, site: Site, report: Report) -> None:
    contact = limit.contact or tells_a_contact(limit.options)
    if contact and limit.limit_w is None and limit.rule is None:
        what = "a contact, and nothing says what it sets"
        report.fault(path, what, "add rule: 14a, or limit_w: with what holds while it is closed")
    if limit.limit_w is not None and not contact and limit.options is not None:
        what = "limit_w is what a contact sets, and this feed tells a number"
        report.fault(f"{path}.limit_w", what, "add contact: true, or remove it; floor_w is what must stay allowed")
    if limit.invert and not contact and limit.options is not None:
        report.fault(f"{path}.invert", "only a contact can be inverted", "add contact: true, or remove it")
    if limit.rule is None and limit.devices is not None:
        report.fault(f"{path}.devices", "devices count for a rule, and there is none", "add rule: 14a, or remove it")
    if limit.rule is not None and limit.scope == "import":
        what = "the rule 14a bounds what loads draw, not the whole connection"
        report.fault(f"{path}.scope", what, "write managed, or remove it")
    if limit.rule is not None:
        _by_rule(path, limit, site, report)


def _by_rule(path: str, limit: OutsideLimit, site: Site, report: Report) -> None:
    """No value is below what the rule leaves."""
    least_w = guaranteed_w(limit.devices or max(1, rule_devices(site)))
    for key, value_w in (("limit_w", limit.limit_w), ("floor_w", limit.floor_w), ("failsafe_w", limit.failsafe_w)):
        if value_w is not None and value_w < least_w:
            what = f"{plain_number(value_w)} W is less than the {plain_number(least_w)} W that the rule leaves"
            report.fault(f"{path}.{key}", what, "remove it: the rule's value holds then", involves=(f"{path}.devices",))


def feeds(site: Site, report: Report) -> None:
    """What a feed is asked can be asked."""
    for name, limit in site.limits.items():
        path, options = f"limits.{name}", limit.options
        if isinstance(options, ModbusLimit) and (options.bit is None) == (options.register is None):
            report.fault(path, "one of bit and register is needed", "add bit: coil 3, or register: holding 100 uint16")
        if isinstance(options, MqttLimit):
            for key in ("topic", "heartbeat_topic"):
                topic = getattr(options, key) or ""
                if "+" in topic or "#" in topic:
                    report.fault(f"{path}.{key}", "the topic holds a wildcard, + or #", "write the one topic")
            if options.heartbeat_topic is not None and not limit.heartbeat_s:
                what = "a topic for heartbeats, and heartbeat_s is 0"
                report.fault(f"{path}.heartbeat_s", what, "give the time after which it is missing, as 120")
        if isinstance(options, HttpJsonLimit) and "@" in options.url.split("://")[-1].split("/")[0]:
            report.fault(f"{path}.url", "the address holds a user or password", "remove it here; use headers")
        asked = options is not None and not isinstance(options, MqttLimit | BusLimit)
        if asked and limit.heartbeat_s and period_of(limit) * 2 > limit.heartbeat_s:
            what = f"asked every {plain_number(period_of(limit))} s, missing after {plain_number(limit.heartbeat_s)} s"
            report.fault(f"{path}.period_s", what, "ask at least twice in heartbeat_s")
