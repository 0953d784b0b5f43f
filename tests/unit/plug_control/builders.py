"""Devices as plug_control's cores are given them."""

from typing import Any

from evenload.site.devices import Device
from services.plug_control.config import PlugPlan


def plan_of(device: Device, **changes: Any) -> PlugPlan:
    """Return the plan of a device on L1 of a house of 230 V, switched by a Shelly, with these changes."""
    plan: dict[str, Any] = {
        "site": "home",
        "load": "load",
        "driver": "shelly",
        "options": None,
        "device": device,
        "levels_w": device.levels_w,
        "lines": ("L1",),
        "voltage_v": 230,
    }
    return PlugPlan(**{**plan, **changes})
