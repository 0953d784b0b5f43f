"""Tuya plugs against an emulated one that speaks the protocol; needs the extra `tuya`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evenload.contracts.events import Applied
from evenload.simulation.devices import PlugWorld
from evenload.simulation.devices.tuya import TuyaPlug
from services.plug_control.service import run
from tests.integration.devices.conftest import World, plug_site, running

pytest.importorskip("tinytuya", reason="pip install 'evenload[tuya]'")
KEY = "0123456789abcdef"


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


@pytest.fixture
async def plug(emulators: Any, service: World, tmp_path: Path) -> TuyaPlug:
    found: TuyaPlug = await emulators(TuyaPlug(PlugWorld(1990.0), KEY))
    (tmp_path / "key").write_text(f"{KEY}\n")
    options = f"driver: tuya, host: '{found.address}', device_id: bf1234567890abcdefgh, key_file: '{tmp_path / 'key'}'"
    await service.apply(plug_site(f"{options}, timeout_s: 10"))
    await service.heard.state(lambda state: state.reachable)
    return found


async def test_it_follows_setpoints_and_measures(plug: TuyaPlug, service: World) -> None:
    service.setpoint("heater", 8.7, valid_s=300)
    state = await service.heard.state(lambda state: state.status == "charging" and (state.power_w or 0) > 1900)
    assert plug.world.on
    assert state.failsafe_in_s is None
    service.setpoint("heater", 0, valid_s=300)
    await service.heard.state(lambda state: state.status == "suspended_evse" and state.power_w == 0)
    assert len([event for event in service.heard.events if isinstance(event, Applied)]) == 2


async def test_a_welded_contact_is_told(plug: TuyaPlug, service: World) -> None:
    plug.world.press(True)
    plug.world.welded = True
    service.setpoint("heater", 0, valid_s=120)
    await service.heard.alert("plug_stuck_on")


@pytest.mark.parametrize("fault", [{"garbage": True}, {"missing": ("1",)}])
async def test_a_plug_that_cannot_be_read_is_missed_and_comes_back(
    plug: TuyaPlug, service: World, fault: dict[str, Any]
) -> None:
    plug.faults.change(fault)
    await service.heard.state(lambda state: not state.reachable)
    plug.faults.change({"garbage": False, "missing": ()})
    await service.heard.state(lambda state: state.reachable)


async def test_a_plug_that_vanishes_comes_back(plug: TuyaPlug, service: World) -> None:
    await plug.go_offline()
    await service.heard.alert("plug_unreachable")
    await plug.come_back()
    await service.heard.alert("plug_unreachable", active=False)
