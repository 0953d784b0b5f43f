"""Any entities of Home Assistant; the unit that each tells decides how it is converted.

Home Assistant tells changes only, so a value holds while the connection lives and its entity is available. The whole
sample is yielded at each change, and each period.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from msgspec import structs

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.homeassistant import EntityState, Home, home_address
from evenload.devices.secrets import read_secret
from evenload.devices.units_said import factor
from evenload.site.drivers import HomeassistantMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.fields import sample_of
from services.meter_ingest.raw import Raw, RawSample, Traits

CONNECT_WAIT_S = 3.0
TRAITS = Traits(reports_changes=True)
AWAY = frozenset({"unavailable", "unknown", ""})
_MOMENT_S = 0.02
"""Phases that change together come as several events; they are taken together."""


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the entities say; raise `DeviceError` while Home Assistant is away."""
    options: HomeassistantMeter = plan.options
    entities = {name: entity for name, entity in structs.asdict(options.entities).items() if entity is not None}
    token, woken = read_secret(access.secrets, options.token_file), asyncio.Event()
    async with access.homes.connection(home_address(options.host, token, secure=options.secure)) as home:
        await home.wait_connected(CONNECT_WAIT_S)
        stop = await home.watch(frozenset(entities.values()), woken.set)
        try:
            while True:
                await changed(woken, plan.period_s)
                raise_when_away(home, entities)
                yield to_sample(entities, home.states)
        finally:
            stop()


async def changed(woken: asyncio.Event, period_s: float) -> None:
    """Return after a change and what comes with it, or after the period."""
    try:
        async with asyncio.timeout(period_s):
            await woken.wait()
            await asyncio.sleep(_MOMENT_S)
    except TimeoutError:
        pass
    woken.clear()


def raise_when_away(home: Home, entities: Mapping[str, str]) -> None:
    """Raise `DeviceError` when Home Assistant, one of the entities, or what stands behind all of them is away."""
    if not home.connected:
        raise DeviceError("silent", str(home.address), home.trouble, "check that Home Assistant runs")
    missing = [entity for entity in entities.values() if entity not in home.states]
    if missing:
        raise DeviceError("silent", str(home.address), f"there is no {missing[0]}", "correct the entity's name")
    away = [entity for entity in entities.values() if home.states[entity].text in AWAY]
    if len(away) == len(entities):
        raise DeviceError("silent", str(home.address), f"{away[0]} is {home.states[away[0]].text}", "see to its device")


def to_sample(entities: Mapping[str, str], states: Mapping[str, EntityState]) -> RawSample:
    """Return the entities' values in our units as a raw sample."""
    return sample_of({name: converted(name, states.get(entity)) for name, entity in entities.items()}, TRAITS)


def converted(name: str, state: EntityState | None) -> Raw:
    """Return an entity's number in the unit of the value `name`; a text, which is refused, when it has another kind."""
    if state is None or state.text in AWAY:
        return None
    scale = factor(name, state.unit)
    if scale is None:
        return f"{state.text} {state.unit or 'without a unit'}"
    try:
        return float(state.text) * scale
    except ValueError:
        return state.text
