"""Compares what is in force of outside limits with what a scenario expects."""

from collections.abc import Mapping

from evenload.contracts.limits import LimitInForce
from evenload.simulation.loop import Loop
from evenload.simulation.scenario import LimitExpect

_SLACK_W = 1.0


def limits_missed(loop: Loop, expect: Mapping[str, LimitExpect], when: str) -> list[str]:
    """Return what differs from the expectation now."""
    held = {limit.source: limit for limit in loop.decision.limits} if loop.decision is not None else {}
    found = []
    for source, wanted in expect.items():
        if source not in held:
            found.append(f"{when} limit {source}: nothing is held of it")
            continue
        found += [f"{when} limit {source}: {text}" for text in _differences(loop, wanted, held[source])]
    return found


def _differences(loop: Loop, wanted: LimitExpect, got: LimitInForce) -> list[str]:
    found = []
    if wanted.state is not None and wanted.state != got.state:
        found.append(f"state expected {wanted.state}, got {got.state}")
    if wanted.limit_w is not None and (got.limit_w is None or abs(got.limit_w - wanted.limit_w) > _SLACK_W):
        found.append(f"limit_w expected {wanted.limit_w:g}, got {got.limit_w}")
    span = loop.limits.evidence.spans.get(got.source)
    if wanted.followed is not None and (span is None or span.followed is not wanted.followed):
        found.append(f"followed expected {wanted.followed}, got {span.followed if span else None}")
    stands = ("limit_source_lost", got.source) in loop.memory.alerts
    if wanted.alert is not None and stands is not wanted.alert:
        found.append(f"alert expected {wanted.alert}, got {stands}")
    return found
