"""What cores remember, kept for the next process and brought back on its clock."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec import Raw, inspect
from msgspec.structs import asdict, replace

from evenload.site.devices import Device
from evenload.site.heat import HeatPump, Tank
from evenload.site.runs import Pump
from evenload.thermal.learning import Fit, LearnedRow, Learning
from evenload.thermal.model import Model
from services.plug_control.core import Now
from services.plug_control.heat_pump import BLOCKED, HeatPumpMemory
from services.plug_control.kinds import KINDS
from services.plug_control.modelled import Modelled
from services.plug_control.pump import PumpMemory
from services.plug_control.remembering import TIMES, kept, kept_rows, recalled, worth
from services.plug_control.tank import TankMemory
from tests.unit.plug_control.builders import plan_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE, AFTER = Now(5_000.0, AT), Now(100.0, AT + timedelta(minutes=10))
"""The next process begins 10 min later, on another monotonic clock."""
DURATIONS = {"ran_s"}
OF_THE_MOMENT = {"seen_s"}


def again(device: Device, memory: object, now: Now = AFTER) -> object:
    plan, found = plan_of(device), worth(memory)
    assert found is not None
    record = msgspec.json.decode(msgspec.json.encode(kept(plan, found, BEFORE)), type=type(kept(plan, found, BEFORE)))
    return recalled(plan, record, kept_rows(plan, found), now)


def test_a_block_counts_on_from_when_it_began() -> None:
    memory = HeatPumpMemory(level=BLOCKED, since_s=4_400.0, free_until_s=4_000.0)
    after = again(HeatPump(power_w=2000), memory)
    assert after == HeatPumpMemory(level=BLOCKED, since_s=100.0 - 1_200.0, free_until_s=100.0 - 1_600.0)


def test_a_run_that_was_done_stays_done() -> None:
    memory = PumpMemory(deadline=AT + timedelta(hours=8), ran_s=3_000.0, used_wh=750.0, runs=2, seen_s=4_999.0)
    assert again(Pump(power_w=900, run_h=2), memory) == replace(memory, seen_s=None)


def test_a_tank_keeps_its_week_its_boost_and_what_it_learned() -> None:
    fit = Fit(
        model=Model(capacity_wh_per_k=230, loss_w_per_k=2),
        rows=300,
        left_out=3,
        residual_c=0.1,
        capacity_error_ratio=0.02,
        loss_error_ratio=0.05,
    )
    rows = (LearnedRow(-0.2, 0.0, 17.5, 0.5), LearnedRow(2.0, 500.0, 17.0, 0.5, True))
    known = Modelled(learning=Learning(rows=rows), fit=fit, fitted_s=4_000.0, looked_s=4_990.0, power_w=2_000.0)
    memory = TankMemory(heats=True, deadline=AT + timedelta(days=3), boosted=AT, hot_s=4_700.0, known=known)
    after = again(Tank(power_w=2000, temperature="t"), memory)
    assert isinstance(after, TankMemory)
    assert (after.heats, after.deadline, after.boosted, after.hot_s) == (True, memory.deadline, AT, 100.0 - 900.0)
    assert (after.known.fit, after.known.learning.rows, after.known.looked_s) == (fit, rows, None)


def test_another_type_or_meter_begins_anew() -> None:
    found = worth(HeatPumpMemory(level=BLOCKED))
    assert found is not None
    record = kept(plan_of(HeatPump(power_w=2000)), found, BEFORE)
    assert recalled(plan_of(Pump(power_w=900, run_h=1)), record, None, AFTER) is None
    assert recalled(plan_of(HeatPump(power_w=2000, temperature="t")), record, None, AFTER) is None


def test_a_record_that_cannot_be_read_says_so() -> None:
    found = worth(HeatPumpMemory())
    assert found is not None
    record = replace(kept(plan_of(HeatPump(power_w=2000)), found, BEFORE), memory=Raw(b'{"level":"high"}'))
    with pytest.raises(msgspec.ValidationError):
        recalled(plan_of(HeatPump(power_w=2000)), record, None, AFTER)


def test_what_only_the_moment_knows_is_no_reason_to_write() -> None:
    assert worth(PumpMemory(ran_s=5.0, seen_s=1.0)) == worth(PumpMemory(ran_s=5.0, seen_s=2.0))
    assert worth(PumpMemory(ran_s=5.0)) != worth(PumpMemory(ran_s=6.0))
    assert worth(None) is None


@pytest.mark.parametrize("kind", KINDS.values(), ids=[kind.__name__ for kind in KINDS])
def test_every_time_that_a_core_remembers_is_known_as_one(kind: object) -> None:
    """A new field of a monotonic time that is not moved would mean another moment in the next process."""
    memory_type = kind.memory  # type: ignore[attr-defined]  # as in `kinds.py`
    names = {field.name for field in inspect.type_info(memory_type).fields}  # type: ignore[attr-defined]  # a struct
    times = {name for name in names if name.endswith("_s")}
    assert times <= TIMES | DURATIONS | OF_THE_MOMENT
    memory = memory_type()
    again_memory = msgspec.json.decode(msgspec.json.encode(memory), type=memory_type)
    assert asdict(again_memory).keys() == asdict(memory).keys()
