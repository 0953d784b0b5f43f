"""The power that a plug's load is seen to draw."""

from services.plug_control.learning import exceeds_rating, learn, learned_w


def seen(*powers_w: float | None) -> tuple[float, ...]:
    drawn_w: tuple[float, ...] = ()
    for power_w in powers_w:
        drawn_w = learn(drawn_w, power_w)
    return drawn_w


def test_it_is_the_mean_of_the_last_five_readings_that_are_more_than_standby() -> None:
    assert learned_w(seen(5000, 1990, None, 0.3, 2000, 2010, 9.9, 1980, 2020)) == 2000.0


def test_it_is_not_known_before_five() -> None:
    assert learned_w(seen(2000, 2000, 2000, 2000, 5)) is None


def test_only_a_rating_that_keeps_too_little_free_is_told() -> None:
    assert exceeds_rating(seen(*[2600.0] * 5), 2000)
    assert not exceeds_rating(seen(*[2200.0] * 5), 2000)
    assert not exceeds_rating(seen(*[130.0] * 5), 100)
    assert not exceeds_rating(seen(*[500.0] * 5), 2000)
