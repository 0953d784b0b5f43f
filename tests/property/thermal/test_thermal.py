"""Synthetic tanks and rooms: learned to 10 % in a week, and warm in the morning; `make thermal` runs longer."""

import os

from hypothesis import given
from hypothesis import strategies as st

from bench.thermal import trial
from evenload.thermal.model import Around, Model, temperature_after, time_to
from tests.property.allocator.profile import examples

BODIES = round(6 * float(os.environ.get("EVENLOAD_EXAMPLES", "1")))


def test_bodies_are_learned_in_a_week_and_meet_their_deadlines() -> None:
    found = [trial(number, 4) for number in range(BODIES)]
    assert all(each.learned for each in found)
    assert sum(each.within for each in found) >= 0.95 * BODIES
    assert sum(each.met_of_could for each in found) >= 0.99 * sum(each.could for each in found)


@examples(200)
@given(
    st.builds(
        Model,
        capacity_wh_per_k=st.floats(5.0, 10_000.0),
        loss_w_per_k=st.one_of(st.just(0.0), st.floats(0.1, 300.0)),
        gain_w=st.floats(-100.0, 500.0),
    ),
    st.floats(5.0, 80.0),
    st.floats(5.0, 80.0),
    st.builds(Around, power_w=st.floats(-5000.0, 5000.0), ambient_c=st.floats(-20.0, 40.0)),
)
def test_a_time_is_when_it_is_there_and_none_before(
    model: Model, start_c: float, target_c: float, around: Around
) -> None:
    after_s = time_to(model, start_c, target_c, around)
    if after_s is None:
        return
    assert abs(temperature_after(model, start_c, around, after_s) - target_c) < 0.01
    halfway_c = temperature_after(model, start_c, around, after_s / 2)
    assert min(start_c, target_c) - 1e-6 <= halfway_c <= max(start_c, target_c) + 1e-6
