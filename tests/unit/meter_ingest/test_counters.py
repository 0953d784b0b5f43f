"""Energy counters that go back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.meter_ingest.counters import Counter, follow


def published(*told_wh: float | None) -> list[float | None]:
    counter, found = Counter(), []
    for one_wh in told_wh:
        counter, counted = follow(counter, one_wh)
        found.append(counted.energy_wh)
    return found


def test_a_counter_that_rises_is_published_as_it_is() -> None:
    assert published(100.0, 100.0, 250.0) == [100.0, 100.0, 250.0]


def test_one_low_answer_is_withheld() -> None:
    assert published(100.0, 0.0, 101.0) == [100.0, None, 101.0]


def test_a_reset_goes_on_from_the_last_value() -> None:
    assert published(5000.0, 0.0, 0.0, 0.0, 10.0, 30.0) == [5000.0, None, None, 5000.0, 5010.0, 5030.0]


def test_what_is_missing_changes_nothing() -> None:
    assert published(100.0, None, 101.0) == [100.0, None, 101.0]


def test_rounding_is_no_reset() -> None:
    assert published(100.0, 99.0, 99.5, 101.0) == [100.0, 100.0, 100.0, 101.0]


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=40))
def test_what_is_published_never_falls(told: list[float | None]) -> None:
    values = [value for value in published(*told) if value is not None]
    assert all(after >= before - 0.01 for before, after in pairwise(values))
