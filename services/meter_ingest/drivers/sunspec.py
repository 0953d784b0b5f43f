"""SunSpec over Modbus TCP: the device's models are looked up once, then the one of the meter's role is read."""

from collections.abc import AsyncGenerator, Mapping, Sequence

from msgspec import Struct

from evenload.contracts.events import MeterRole
from evenload.devices import sunspec
from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.modbus import Manners, ModbusLink, modbus_address
from evenload.devices.registers import MAX_COUNT
from evenload.devices.sunspec import Model, Point
from evenload.site.drivers import SunspecMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.fields import sample_of
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import RawSample, Traits

PORT = 502
Models = Mapping[int, Mapping[str, Point]]
OF_ROLE: Mapping[MeterRole, Models] = {
    "solar": sunspec.INVERTERS,
    "inverter": sunspec.INVERTERS,
    "battery": sunspec.BATTERIES,
}
"""Role → models that tell it; all other roles are a meter's."""


class Unit(Struct, frozen=True):
    """One unit behind a link."""

    link: ModbusLink
    unit: int
    manners: Manners

    async def read(self, address: int, count: int) -> list[int]:
        """Return `count` words from `address`; raise `DeviceError`."""
        return await self.link.read(self.unit, "holding", range(address, address + count), self.manners)


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the model of the meter's role says."""
    options: SunspecMeter = plan.options
    manners = Manners(timeout_s=options.timeout_s)
    async with access.modbus.connection(modbus_address(options.host, PORT)) as link:
        unit = Unit(link, options.unit, manners)
        maker, models = await walk(unit)
        model = choose(models, plan.role, options.number, str(link.address))

        async def read() -> RawSample:
            words = await unit.read(model.address, min(model.length, MAX_COUNT))
            return to_sample(model, words, maker)

        async for sample in poll(read, plan.period_s):
            yield sample


async def walk(unit: Unit) -> tuple[str, list[Model]]:
    """Return the maker and the models, in their order; raise `DeviceError` for a device that has none."""
    address = await _base(unit) + len(sunspec.MARK)
    maker, models = "", []
    for _ in range(sunspec.MOST_MODELS):
        number, length = await unit.read(address, 2)
        if number == sunspec.END or length == 0:
            break
        if number == sunspec.COMMON and not maker:  # a meter in the list may have a common model of its own
            maker = sunspec.maker(await unit.read(address + 2, min(length, 66)))
        models.append(Model(number, address + 2, length))
        address += 2 + length
    return maker, models


async def _base(unit: Unit) -> int:
    trouble: DeviceError | None = None
    for base in sunspec.BASES:
        try:
            if tuple(await unit.read(base, 2)) == sunspec.MARK:
                return base
        except DeviceError as fault:
            if fault.trouble == "silent":
                raise
            trouble = fault
    remedy = (
        "switch SunSpec on in the device (some have it beside a make's own protocol), or use the driver of its make"
    )
    raise DeviceError("garbage", str(unit.link.address), f"no SunSpec list ({trouble or 'no mark'})", remedy)


def choose(models: Sequence[Model], role: MeterRole, number: int, where: str) -> Model:
    """Return the `number`th model (from 1) that tells `role`; raise `DeviceError` when there is none."""
    known = OF_ROLE.get(role, sunspec.METERS)
    fitting = sorted((model for model in models if model.id in known), key=lambda model: list(known).index(model.id))
    if role != "battery":
        fitting.sort(key=lambda model: model.address)
    if number > len(fitting):
        has = ", ".join(str(model.id) for model in models) or "none"
        raise DeviceError(
            "refused", where, f"no model {number} for the role {role}; it has {has}", "check unit and role"
        )
    return fitting[number - 1]


def to_sample(model: Model, words: Sequence[int], maker: str) -> RawSample:
    """Return the model's words as a raw sample in our signs."""
    if model.id in sunspec.INVERTERS:
        found = sunspec.values(sunspec.INVERTERS[model.id], words)
        if found["power_w"] is None and found["state"] in sunspec.ASLEEP:
            found = {**found, "power_w": 0.0}
        return sample_of(found, Traits())
    if model.id in sunspec.BATTERIES:
        return sample_of(sunspec.values(sunspec.BATTERIES[model.id], words), Traits())
    found = sunspec.values(sunspec.METERS[model.id], words)
    if maker.startswith(sunspec.EXPORT_IS_POSITIVE):
        found = {name: -value if value is not None and "power" in name else value for name, value in found.items()}
    return sample_of(found, Traits(unsigned_current=True))
