"""The allocator's shell on the bus: owning sites, taking them over, commands, what is kept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.commands import ClearOverride, CommandAccepted, CommandRejected, SetLimit, SetMode, SetSchedule
from evenload.contracts.events import MeterReading, SiteLimit
from evenload.contracts.phases import PerPhase
from evenload.contracts.records import EpochRecord, OverrideRecord, OwnerRecord
from evenload.contracts.schedules import ScheduleWindow
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.lease import Lease
from evenload.runtime.ownership import LEASE_S
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from services.allocator.keeping import KeptMemory
from services.allocator.memory import LimitMemory, Wiring, first_memory
from tests.integration.allocator.world import SITE, JumpingClock, ShiftedClock, World, world


@pytest.fixture
async def here() -> AsyncIterator[World]:
    async with world() as living:
        yield living


async def test_a_site_is_taken_with_an_epoch_and_its_loads_are_fed(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
    first = here.setpoints[0]
    assert first["epoch"] >= 1
    assert first["config_rev"] == 1
    assert first["valid_s"] == 15.0


async def test_whoever_takes_over_stops_no_car_and_outranks_the_one_before(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.1, 20.0)
    before, sent = here.epoch, len(here.setpoints)
    async with here.allocator("two"):
        await here.until(lambda: here.epoch > before)
    later = [each["setpoint_a"] for each in here.setpoints[sent:] if each["load"] == "car"]
    assert min(later) >= 6.0


async def test_a_lost_epoch_is_found_again_by_what_the_loads_have_seen(here: World) -> None:
    here.epoch = 41
    async with here.allocator("one"):
        await here.until(lambda: here.epoch > 41)
    entry = await (await here.bus.bucket(subjects.EPOCHS)).get("home")
    assert entry is not None
    assert decode_as(EpochRecord, entry.value).epoch == here.epoch


@pytest.mark.parametrize("taken_meanwhile", [False, True])
async def test_a_lease_that_had_run_out_moves_only_a_site_that_another_took(here: World, taken_meanwhile: bool) -> None:
    clock = JumpingClock()
    async with here.allocator("one", clock):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        before = here.epoch
        if taken_meanwhile:
            record = EpochRecord(site="home", epoch=before + 3, process="another")
            await (await here.bus.bucket(subjects.EPOCHS)).put("home", encode(record))
        clock.ahead_s += LEASE_S
        sent = len(here.setpoints)
        await here.until(lambda: len(here.setpoints) > sent)
    assert here.setpoints[sent]["epoch"] == (before + 4 if taken_meanwhile else before)


async def test_a_process_joins_once_it_has_read_all_site_files(here: World) -> None:
    ctx = Context("allocator", here.bus, SystemClock(), Settings())
    owners, lease = await here.bus.bucket(subjects.OWNERS), Lease(ctx, subjects.OWNERS, lambda: None)
    ctx.spawn("lease", lease.renew, drains=True)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not lease.holds()
    assert await owners.keys() == []
    lease.knows_sites.set()
    async with asyncio.timeout(5.0):
        while await owners.keys() != [lease.process]:
            await asyncio.sleep(0)
    assert lease.holds()
    await ctx.drain()


async def test_two_commands_at_once_are_both_kept(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        off, limit = SetMode(site="home", load="car", mode="off"), SetLimit(site="home", load="guest", max_a=8.0)
        replies = await asyncio.gather(here.command(off), here.command(limit))
        assert all(isinstance(reply, CommandAccepted) for reply in replies)
        await here.until(lambda: here.held_a["car"] == 0.0)
    entry = await (await here.bus.bucket(subjects.OVERRIDES)).get("home")
    assert entry is not None
    assert {item.load for item in decode_as(OverrideRecord, entry.value).items} == {"car", "guest"}


async def test_an_override_survives_a_restart_and_ends_when_it_is_cleared(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        await here.command(SetMode(site="home", load="car", mode="off"))
        await here.until(lambda: here.held_a["car"] == 0.0)
    sent = len(here.setpoints)
    async with here.allocator("two"):
        await here.until(lambda: any(each["load"] == "guest" for each in here.setpoints[sent:]))
        assert here.held_a["car"] == 0.0
        await here.command(ClearOverride(site="home", load="car"))
        await here.until(lambda: here.held_a["car"] >= 6.0)


async def test_a_command_for_another_site_or_load_is_refused_with_a_remedy(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: bool(here.setpoints))
        reply = await here.command(SetMode(site="home", load="carr", mode="off"))
    assert isinstance(reply, CommandRejected)
    assert "car, guest" in reply.remedy


async def test_an_outside_limit_holds_over_a_restart(here: World) -> None:
    limit = SiteLimit(site="home", source="dso", scope="managed", issued_at=datetime.now(UTC), limit_w=0.0)
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        here.bus.publish(subjects.limit("home", "dso"), limit)
        await here.until(lambda: here.held_a["car"] == 0.0)
    sent = len(here.setpoints)
    async with here.allocator("two"):
        await here.until(lambda: len(here.setpoints) > sent + 2)
        assert here.held_a["car"] == 0.0


async def test_a_reading_on_another_subject_is_not_believed(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        high = PerPhase(l1=90.0)
        forged = MeterReading(site="home", meter="p1", role="grid", measured_at=datetime.now(UTC), current_a=high)
        sent = len(here.setpoints)
        here.bus.publish(subjects.reading("home", "other"), forged)
        await here.until(lambda: len(here.setpoints) > sent + 3)
        assert here.held_a["car"] >= 6.0


async def test_a_changed_file_takes_force_and_the_memory_is_kept_with_its_epoch(here: World) -> None:
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.1, 20.0)
        await apply_site(here.bus, SITE.replace("max_a: 16}", "max_a: 6}", 1), "home.yaml", datetime.now(UTC))
        await here.until(lambda: here.held_a["car"] == 6.0)
    entry = await (await here.bus.bucket(subjects.MEMORY)).get("home")
    assert entry is not None
    assert decode_as(KeptMemory, entry.value).epoch == here.epoch


async def test_an_older_owner_never_overwrites_a_newer_memory(here: World) -> None:
    bucket = await here.bus.bucket(subjects.MEMORY)
    async with here.allocator("one"):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        first = KeptMemory(
            machine_boot="x", saved_s=0.0, saved_at=datetime.now(UTC), epoch=10_000, memory=first_memory()
        )
        await bucket.put("home", encode(first))
    entry = await bucket.get("home")
    assert entry is not None
    assert decode_as(KeptMemory, entry.value).epoch == 10_000


async def test_what_was_learned_and_counted_goes_on_with_whoever_comes_next(here: World) -> None:
    async with here.allocator("one") as ctx:
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        now_s = ctx.clock.monotonic()
    bucket = await here.bus.bucket(subjects.MEMORY)
    entry = await bucket.get("home")
    assert entry is not None
    kept = decode_as(KeptMemory, entry.value)
    car = replace(
        kept.memory.loads["car"],
        starts_s=(now_s - 10.0, now_s - 5.0),
        wiring=Wiring(file=(0,), found=(0, 1, 2), scores=((9.0, 0.0, 0.0),) * 3, confirmed=(True, False, False)),
    )
    limits = {"breaker L1": LimitMemory(cut_s=now_s, overloads_s=(now_s - 60.0, now_s))}
    memory = replace(kept.memory, loads={**kept.memory.loads, "car": car}, limits=limits, above_target=True)
    await bucket.put("home", encode(replace(kept, memory=memory)))
    before = here.epoch
    async with here.allocator("two"):
        await here.until(lambda: here.epoch > before)
    entry = await bucket.get("home")
    assert entry is not None
    after = decode_as(KeptMemory, entry.value)
    assert after.epoch > kept.epoch
    assert after.memory.loads["car"].starts_s == car.starts_s
    assert after.memory.loads["car"].wiring == car.wiring
    assert after.memory.limits["breaker L1"].overloads_s == limits["breaker L1"].overloads_s
    assert after.memory.above_target


async def test_a_memory_is_taken_only_after_its_former_owner_let_go(here: World) -> None:
    owners = await here.bus.bucket(subjects.OWNERS)
    slow = OwnerRecord(process="elsewhere-0", sites=("home",))
    await owners.put("elsewhere-0", encode(slow))
    async with here.allocator("one"):
        await asyncio.sleep(0)
        assert here.epoch == 0
        await owners.delete("elsewhere-0")
        await here.until(lambda: here.epoch > 0)


async def test_a_schedule_takes_force_at_its_time_and_by_hand_holds_until_its_next_change(here: World) -> None:
    windows = "schedules: {car: [{when: mon 22:00-23:00, mode: off}], guest: [{when: mon 22:00-23:00, max_a: 8}]}"
    await apply_site(here.bus, f"{SITE}{windows}\n", "home.yaml", datetime.now(UTC))
    async with here.allocator("one", ShiftedClock(datetime(2026, 6, 22, 21, 59, 56, tzinfo=UTC))):
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        await here.until(lambda: here.held_a["car"] == 0.0)
        reply = await here.command(SetMode(site="home", load="car", mode="standard"))
        assert reply.text == "car: mode standard, until 2026-06-22T23:00+00:00, when its schedule changes it"
        await here.until(lambda: here.held_a["car"] >= 6.0)
        night = ScheduleWindow(when="22:00-22:30", mode="off")
        reply = await here.command(SetSchedule(site="home", load="guest", windows=(night,)))
        assert isinstance(reply, CommandAccepted)
