"""What looks add up to: rows, their ends, and when nothing is said."""

from evenload.thermal.learning import GAP_S, ROWS_MOST, Learning, Sample, fitted, seen


def look(at_s: float, temperature_c: float = 50.0, power_w: float = 0.0) -> Sample:
    return Sample(at_s=at_s, temperature_c=temperature_c, power_w=power_w, ambient_c=20.0)


def after(*samples: Sample) -> Learning:
    learning = Learning()
    for sample in samples:
        learning = seen(learning, sample)
    return learning


def test_a_row_ends_after_half_an_hour_and_the_next_joins_it() -> None:
    learning = after(*(look(60.0 * minute, 50.0 - minute / 60) for minute in range(62)))
    first, second = learning.rows
    assert (first.joined, second.joined) == (False, True)
    assert round(first.moved_c, 6) == -0.5
    assert round(first.above_kelvin_h, 3) == round(29.75 * 0.5, 3)


def test_a_row_ends_where_the_heater_is_switched() -> None:
    minutes = [look(60.0 * minute) for minute in range(11)]
    learning = after(*minutes, look(660.0, 50.1, 2000.0), look(720.0, 50.3, 2000.0))
    assert [(row.length_h, row.energy_wh) for row in learning.rows] == [(600.0 / 3600, 0.0)]
    assert round(learning.energy_wh, 3) == round(2000.0 / 30, 3)


def test_a_row_that_is_too_short_is_dropped_and_breaks_the_run() -> None:
    learning = after(look(0.0), look(60.0), look(120.0, power_w=2000.0))
    assert learning.rows == ()
    assert not learning.joined


def test_a_silence_ends_a_row_unused() -> None:
    learning = after(look(0.0), look(600.0), look(601.0 + GAP_S))
    assert learning.rows == ()
    assert learning.first == look(601.0 + GAP_S)


def test_a_look_out_of_order_is_dropped() -> None:
    assert after(look(60.0), look(30.0)) == after(look(60.0))


def test_memory_is_bounded() -> None:
    learning = after(*(look(600.0 * number) for number in range(4 * ROWS_MOST)))
    assert len(learning.rows) == ROWS_MOST


def test_nothing_is_said_without_enough() -> None:
    assert fitted(Learning(), gains=False) is None
    never_heated = after(*(look(600.0 * number, 50.0 - number / 100) for number in range(600)))
    assert fitted(never_heated, gains=False) is None


def test_a_thermometer_that_stands_still_says_nothing() -> None:
    stuck = after(*(look(600.0 * number, 50.0, 2000.0 if number % 10 < 2 else 0.0) for number in range(1000)))
    assert fitted(stuck, gains=False) is None
    assert fitted(stuck, gains=True) is None
