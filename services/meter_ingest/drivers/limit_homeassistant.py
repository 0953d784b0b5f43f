"""Limits that an entity of Home Assistant tells: a contact, or a number in W or kW.

Home Assistant tells changes only: while the connection lives and the entity is available, it is told each period.
"""

import asyncio
from collections.abc import AsyncGenerator

from evenload.devices.access import Access
from evenload.devices.homeassistant import EntityState, home_address
from evenload.devices.secrets import read_secret
from evenload.site.limit_drivers import HomeassistantLimit
from services.meter_ingest.drivers.homeassistant import CONNECT_WAIT_S, changed, converted, raise_when_away
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.limit_feed import Said


async def samples(plan: LimitPlan, access: Access) -> AsyncGenerator[Said, None]:
    """Yield what the entity says; raise `DeviceError` while it, or Home Assistant, is away."""
    options: HomeassistantLimit = plan.options
    token, woken = read_secret(access.secrets, options.token_file), asyncio.Event()
    async with access.homes.connection(home_address(options.host, token, secure=options.secure)) as home:
        await home.wait_connected(CONNECT_WAIT_S)
        stop = await home.watch(frozenset({options.entity}), woken.set)
        try:
            while True:
                await changed(woken, plan.period_s)
                raise_when_away(home, {"entity": options.entity})
                yield said_of(home.states[options.entity], is_contact=plan.terms.contact_w is not None)
        finally:
            stop()


def said_of(state: EntityState, *, is_contact: bool) -> Said:
    """Return what an entity's state says; a number by its unit."""
    return Said(value=state.text if is_contact else converted("power_w", state))
