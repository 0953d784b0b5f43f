"""The house around the loads: what the meter emulator sees is house − sun + what the stations' vehicles draw."""

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp

VOLTAGE_V = 230.0
STEP_S = 0.1
Draws = Callable[[], tuple[float, float, float]]


class House:
    """Keeps a HomeWizard meter of another process as the physics are; a stopped one is left alone.

    `draws` is what the vehicles take; the heater's socket, on L1, is asked for its own.
    """

    def __init__(self, meter: str, socket: str, draws: Draws) -> None:
        self.base_a = [2.0, 2.0, 2.0]
        self.sun_w = 0.0
        self.heater_w = 0.0
        self._meter, self._socket, self._draws = f"http://{meter}/_control", f"http://{socket}/api/v1/data", draws

    def net_w(self) -> list[float]:
        """Return W per phase, + import."""
        draws_a, heater_w = self._draws(), (self.heater_w, 0.0, 0.0)
        return [(self.base_a[line] + draws_a[line]) * VOLTAGE_V + heater_w[line] - self.sun_w / 3 for line in range(3)]

    async def live(self) -> None:
        """Follow until cancelled."""
        timeout = aiohttp.ClientTimeout(total=1.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(self._socket) as reply:
                        self.heater_w = float((await reply.json())["active_power_w"])
                watts = {f"l{line}_w": round(power_w) for line, power_w in enumerate(self.net_w(), 1)}
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.put(self._meter, json=watts):
                        pass
                await asyncio.sleep(STEP_S)
