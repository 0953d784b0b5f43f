"""What emulated devices measure and switch: a small world of their own, or any function with the same answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, structs


class MeterValues(Struct, frozen=True, kw_only=True):
    """What a three-phase meter sees: W per phase, + import; V; counters in Wh."""

    power_w: tuple[float, float, float] = (0.0, 0.0, 0.0)
    voltage_v: tuple[float, float, float] = (230.0, 230.0, 230.0)
    import_wh: float = 13_779_338.0
    export_wh: float = 4_162_461.0

    def current_a(self, line: int) -> float:
        """Return the signed current of `line` 0, 1, 2, A."""
        return self.power_w[line] / self.voltage_v[line]


MeterProvider = Callable[[], MeterValues]


class MeterWorld:
    """Values that are set by hand; counters follow the power. Call it to see it now."""

    def __init__(self, values: MeterValues | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._values, self._now_s = values or MeterValues(), now_s
        self._since_s = now_s()

    def __call__(self) -> MeterValues:
        """Return the values now."""
        now_s = self._now_s()
        hours, self._since_s = (now_s - self._since_s) / 3600, now_s
        net_wh = sum(self._values.power_w) * hours
        self._values = structs.replace(
            self._values,
            import_wh=self._values.import_wh + max(0.0, net_wh),
            export_wh=self._values.export_wh + max(0.0, -net_wh),
        )
        return self._values

    def set(self, changes: Mapping[str, Any]) -> None:
        """Change `l1_w l2_w l3_w` (W) or `voltage_v` (V, all phases); `watts` is shared evenly."""
        values = self()
        power_w = list(values.power_w)
        if "watts" in changes:
            power_w = [float(changes["watts"]) / 3] * 3
        for line in range(3):
            power_w[line] = float(changes.get(f"l{line + 1}_w", power_w[line]))
        voltage_v = float(changes["voltage_v"]) if "voltage_v" in changes else None
        self._values = structs.replace(
            values,
            power_w=(power_w[0], power_w[1], power_w[2]),
            voltage_v=values.voltage_v if voltage_v is None else (voltage_v, voltage_v, voltage_v),
        )


class PlugWorld:
    """A load behind a relay: draws `load_w` while the contact is closed.

    `welded`: the contact stays closed whatever the relay says. `deaf`: commands are taken and nothing happens.
    """

    def __init__(self, load_w: float = 2000.0, on_switch: Callable[[bool], None] | None = None) -> None:
        self.load_w, self.voltage_v, self.energy_wh = load_w, 230.0, 5_125.0
        self.on, self.welded, self.deaf = False, False, False
        self._on_switch = on_switch

    @property
    def power_w(self) -> float:
        """What flows now, W."""
        return self.load_w if self.on or self.welded else 0.0

    def command(self, on: bool) -> None:
        """Obey a command, unless deaf."""
        if not self.deaf:
            self.press(on)

    def press(self, on: bool) -> None:
        """Switch by hand or by the device's own timer."""
        changed, self.on = on is not self.on, on
        if changed and self._on_switch is not None:
            self._on_switch(on)

    def set(self, changes: Mapping[str, Any]) -> None:
        """Change `load_w`, `welded`, `deaf`, or press the button by `on`."""
        self.load_w = float(changes.get("load_w", self.load_w))
        self.welded = bool(changes.get("welded", self.welded))
        self.deaf = bool(changes.get("deaf", self.deaf))
        if "on" in changes:
            self.press(bool(changes["on"]))
