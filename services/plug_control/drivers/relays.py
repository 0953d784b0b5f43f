"""Several relays of one device, one for each element: bit n of the level is relay n."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import structs

from evenload.devices.access import Access
from evenload.site.device_drivers import RelaysDevice, SgReadyDevice
from evenload.site.plug_drivers import SgReadyPlug, ShellyPlug, TasmotaPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers import shelly, tasmota
from services.plug_control.drivers.contract import LevelDriver, OpenPlug, PlugDriver
from services.plug_control.raw import RawObservation

OPENERS: Mapping[str, OpenPlug] = {"shelly": shelly.open_plug, "tasmota": tasmota.open_plug}


@asynccontextmanager
async def open_device(plan: PlugPlan, access: Access) -> AsyncIterator[LevelDriver]:
    """Yield the relays."""
    options: RelaysDevice = plan.options
    async with open_relays(plan, options.channels, access) as relays:
        yield Relays(relays)


@asynccontextmanager
async def open_relays(plan: PlugPlan, channels: Sequence[int], access: Access) -> AsyncIterator[list[PlugDriver]]:
    """Yield the relays of one device on these channels, in their order."""
    options: RelaysDevice | SgReadyPlug | SgReadyDevice = plan.options
    kind = ShellyPlug if options.relays == "shelly" else TasmotaPlug
    async with AsyncExitStack() as stack:
        relays = []
        for channel in channels:
            own = structs.replace(plan, options=kind(host=options.host, channel=channel, timeout_s=options.timeout_s))
            relays.append(await stack.enter_async_context(OPENERS[options.relays](own, access)))
        yield relays


class Relays:
    """Relays as one device; what they measure is added up."""

    def __init__(self, relays: Sequence[PlugDriver]) -> None:
        self._relays = relays

    async def prepare(self, level: int) -> None:
        """Set what each relay does when the device gets power again."""
        for bit, relay in enumerate(self._relays):
            await relay.prepare(bool(level >> bit & 1))

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Open what is to be off before closing what is to be on, so that no more is drawn meanwhile."""
        for on in (False, True):
            for bit, relay in enumerate(self._relays):
                if bool(level >> bit & 1) is on:
                    await relay.switch(on, revert_s if on else None)

    async def observe(self) -> RawObservation:
        """Return the level that the relays make; None when one of them does not say."""
        looks = [await relay.observe() for relay in self._relays]
        if not all(isinstance(look.relay, bool) for look in looks):
            return RawObservation()
        level = sum(1 << bit for bit, look in enumerate(looks) if look.relay)
        return RawObservation(
            relay=level,
            power_w=_sum([look.power_w for look in looks]),
            voltage_v=looks[0].voltage_v,
            energy_wh=_sum([look.energy_wh for look in looks]),
        )


def _sum(values: Sequence[object]) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return float(sum(numbers)) if len(numbers) == len(values) else None
