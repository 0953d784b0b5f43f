"""Gateways of a fleet are replaced one at a time, each with the time that it needs to let its stations go."""

from pathlib import Path
from typing import Any

import yaml

from services.ocpp_gateway.drivers.drain import LEAVE_S, NOTICE_S, SETTLE_S
from services.ocpp_gateway.pacing import MARGIN

FLEET = Path(__file__).parents[2] / "deploy" / "kubernetes" / "overlays" / "fleet"
END_S = 5.0
"""What a process takes to end when nothing is left to do."""


def spec_of(file: str) -> Any:
    """Return the gateway's spec in a file of several."""
    documents = yaml.safe_load_all((FLEET / file).read_text(encoding="utf-8"))
    return next(each["spec"] for each in documents if each["metadata"]["name"] == "ocpp-gateway")


def test_a_gateway_has_the_time_to_let_a_whole_fleet_go() -> None:
    pod = spec_of("gateway.yaml")["template"]["spec"]
    env = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    pct = float(env["EVENLOAD_OCPP_DRAIN_PCT"])
    assert 0 < pct <= 10
    needs_s = NOTICE_S + 60 * MARGIN * 100 / pct + LEAVE_S + SETTLE_S + END_S
    assert pod["terminationGracePeriodSeconds"] >= needs_s


def test_the_next_one_waits_until_the_last_one_has_ended() -> None:
    spec = spec_of("gateway.yaml")
    grace_s = spec["template"]["spec"]["terminationGracePeriodSeconds"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert grace_s <= spec["minReadySeconds"] < spec["progressDeadlineSeconds"]
    (policy,) = spec_of("scaling.yaml")["behavior"]["scaleDown"]["policies"]
    assert policy["value"] == 1
    assert policy["periodSeconds"] >= grace_s


def test_a_house_ends_at_once() -> None:
    base = FLEET.parents[1]
    others = [path for path in base.rglob("*.yaml") if FLEET not in path.parents]
    assert not [path for path in others if "EVENLOAD_OCPP_DRAIN" in path.read_text(encoding="utf-8")]
