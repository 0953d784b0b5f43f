"""Limits from outside in the site file, and what the rule of § 14a EnWG leaves to a site's devices. Pure.

The rule (BNetzA BK6-22-300): with n controllable devices, 4.2 kW + (n − 1) · g · 4.2 kW must stay allowed in all, where
g is 0.80 for two and falls by 0.05 with each to 0.45 for nine and more. It bounds what they draw from the grid.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from evenload.contracts.limits import LimitScope
from evenload.site.limit_drivers import ModbusLimit, ShellyLimit, tells_a_contact
from evenload.site.section import NonNegativeWatts, PeriodSeconds, Section

ONE_DEVICE_W = 4200.0
_SIMULTANEITY = (1.0, 0.80, 0.75, 0.70, 0.65, 0.60, 0.55, 0.50, 0.45)
"""g for one (where it does not count), two, three … nine devices; nine's for more."""
FAILSAFE_S = 7200.0
"""2 h: the least time for which a failsafe limit holds without a heartbeat (faults.md section 2)."""


class OutsideLimit(Section, frozen=True, kw_only=True):
    """A source of limits from outside, under its name. `options` holds its driver's own keys."""

    driver: Annotated[str, Meta(description="how it is heard")]
    rule: Annotated[
        Literal["14a"] | None,
        Meta(description="14a: what § 14a EnWG leaves is the floor, the failsafe, and what a contact sets"),
    ] = None
    scope: Annotated[
        LimitScope | None,
        Meta(
            description="import: the whole connection; managed: what loads draw of it, own solar on top;"
            " none = managed with a rule, else import"
        ),
    ] = None
    contact: Annotated[
        bool, Meta(description="its value is a contact, which sets limit_w while closed; an input always is one")
    ] = False
    limit_w: Annotated[
        NonNegativeWatts | None, Meta(description="what a closed contact sets, W; none = what the rule leaves")
    ] = None
    floor_w: Annotated[
        NonNegativeWatts | None, Meta(description="what must stay allowed whatever is told, W; none = the rule's, or 0")
    ] = None
    failsafe_w: Annotated[
        NonNegativeWatts | None,
        Meta(description="the limit when its heartbeat is missing, W; none = the rule's, or 4200"),
    ] = None
    heartbeat_s: Annotated[
        float,
        Meta(ge=0, le=86_400, description="missing after, s; 0 = it has none: the last limit holds until another"),
    ] = 120.0
    failsafe_s: Annotated[
        float, Meta(ge=FAILSAFE_S, le=604_800, description="then its failsafe limit holds so long, s")
    ] = FAILSAFE_S
    devices: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="n of the rule; none = loads that can draw more than 4.2 kW"),
    ] = None
    invert: Annotated[bool, Meta(description="the contact sets the limit while it is open")] = False
    period_s: Annotated[
        PeriodSeconds | None, Meta(description="asked again after, s; none = 1 for inputs, 10 for http_json")
    ] = None
    options: Annotated[Any, Meta(description="an options struct of evenload.site.limit_drivers")] = None


def period_of(limit: OutsideLimit) -> float:
    """Return how often a feed is asked, or its last word told again, s."""
    return limit.period_s or (1.0 if isinstance(limit.options, ShellyLimit | ModbusLimit) else 10.0)


class Terms(Struct, frozen=True, kw_only=True):
    """What holds for a source, with the defaults and the rule in force; W and s."""

    scope: LimitScope
    contact_w: float | None
    """What its contact sets; None = it tells a number."""
    floor_w: float | None
    failsafe_w: float
    valid_s: float | None
    failsafe_s: float | None


def guaranteed_w(devices: int) -> float:
    """Return what the rule of § 14a EnWG leaves `devices` ≥ 1 controllable devices in all, W."""
    assert devices >= 1, f"{devices} devices"
    factor = _SIMULTANEITY[min(devices, len(_SIMULTANEITY)) - 1]
    return round(ONE_DEVICE_W + (devices - 1) * factor * ONE_DEVICE_W, 3)


def terms_of(limit: OutsideLimit, devices: int) -> Terms:
    """Return what holds for a source at a site with so many devices of the rule."""
    by_rule_w = guaranteed_w(limit.devices or max(1, devices)) if limit.rule is not None else None
    contact_w = limit.limit_w if limit.limit_w is not None else by_rule_w
    failsafe_w = ONE_DEVICE_W if by_rule_w is None else by_rule_w
    return Terms(
        scope=limit.scope or ("import" if limit.rule is None else "managed"),
        contact_w=contact_w if limit.contact or tells_a_contact(limit.options) else None,
        floor_w=by_rule_w if limit.floor_w is None else limit.floor_w,
        failsafe_w=failsafe_w if limit.failsafe_w is None else limit.failsafe_w,
        valid_s=limit.heartbeat_s or None,
        failsafe_s=limit.failsafe_s if limit.heartbeat_s else None,
    )
