"""Sun, house and cars: the same seed gives the same day."""

from itertools import pairwise

from evenload.simulation.weather import SUNRISE_S, cloud, cloudy_day_w, house_a, sun_w, visit_at, visits


def test_there_is_no_sun_at_night_and_some_at_noon() -> None:
    assert sun_w(2 * 3600.0, 1) == 0.0
    assert max(sun_w(12 * 3600.0 + step * 300, 1) for step in range(12)) > 5_000


def test_the_same_seed_gives_the_same_day() -> None:
    times = [step * 61.0 for step in range(200)]
    assert [sun_w(at, 7) for at in times] == [sun_w(at, 7) for at in times]
    assert [house_a(at, 7) for at in times] != [house_a(at, 8) for at in times]


def test_clouds_move_without_jumps() -> None:
    covers = [cloud(step * 1.0, 3) for step in range(5000)]
    assert max(abs(after - before) for before, after in pairwise(covers)) < 0.01


def test_a_day_of_broken_clouds_follows_from_its_seed_and_has_sharp_edges() -> None:
    day_w = cloudy_day_w(1, 5000.0)
    assert day_w == cloudy_day_w(1, 5000.0) != cloudy_day_w(2, 5000.0)
    assert day_w[int(SUNRISE_S) - 1] == 0.0
    assert max(day_w) <= 5000.0
    noon_w = day_w[10 * 3600 : 16 * 3600]
    edges = sum(abs(after - before) > 100.0 for before, after in pairwise(noon_w))
    assert edges > 200


def test_something_of_the_house_changes_every_few_seconds() -> None:
    values = [house_a(float(step), 5) for step in range(600)]
    changes = [step for step in range(1, 600) if values[step] != values[step - 1]]
    assert max(after - before for before, after in pairwise(changes)) < 30


def test_cars_come_within_seconds_and_leave_again() -> None:
    cars = visits("CP001", 4)
    assert visit_at(cars, 10.0) is not None
    assert visit_at(cars, cars[0].to_s + 1.0) is None
    assert visits("CP001", 4) == cars
