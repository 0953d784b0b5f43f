"""The demo's home: a site file that passes all checks, and a house that lives."""

import stat
from pathlib import Path
from typing import Any

from evenload.simulation.demo_site import DemoPorts, demo_site
from evenload.simulation.home import Home, write_site
from evenload.simulation.home_model import CONFIG, Habits, HomeState, first_state, moved
from evenload.simulation.station_core import Station
from evenload.simulation.station_faults import FAULTS
from evenload.site.findings import faults
from evenload.site.load import load_file, load_text

PORTS = DemoPorts(p1=1, inverter=2, plug=3, wallbox_key="a.key", guest_key="b.key")
HABITS = Habits(seed=3, speed=60.0)


def test_the_demos_site_file_is_in_order() -> None:
    loaded = load_text(demo_site(PORTS), "demo.yaml")
    assert not faults(loaded.findings)
    assert loaded.site is not None
    assert set(loaded.site.loads) == {"wallbox", "guest", "heater"}


def test_it_is_written_with_its_passwords_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    for _ in range(2):
        write_site(path, {"p1": 1, "inverter": 2, "plug": 3}, {"CP001": "one", "CP002": "two"})
    assert load_file(path).site is not None
    key = tmp_path / "home-cp001.key"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("one", 0o400)


def test_the_wallbox_may_be_an_odd_one() -> None:
    passwords = {"CP001": "ab" * 20, "CP002": "cd" * 20}
    home = Home(HABITS, "ws://127.0.0.1:1", passwords, lambda event: None, fault="hex_password")
    assert type(home.stations["CP001"].station) is FAULTS["hex_password"]
    assert type(home.stations["CP002"].station) is Station


def hour(habits: Habits, draws_a: tuple[float, float, float]) -> list[HomeState]:
    states = [first_state(habits)]
    for step in range(1, 600):
        states.append(moved(states[-1], habits, draws_a, float(step)))
    return states


def test_the_same_seed_gives_the_same_home() -> None:
    assert hour(HABITS, (0.0, 0.0, 0.0)) == hour(HABITS, (0.0, 0.0, 0.0))


def test_the_energy_balance_holds_at_every_moment() -> None:
    for state in hour(HABITS, (6.0, 6.0, 0.0))[1:]:
        made_w = state.solar_w + state.battery_w
        used_w = (sum(state.flows.net_a) - 12.0) * CONFIG.voltage_v + made_w
        assert used_w >= 0


def test_sun_and_battery_make_something_happen() -> None:
    states = hour(HABITS, (0.0, 0.0, 0.0))
    assert len({state.soc_pct for state in states}) > 100
    assert max(state.solar_w for state in states) - min(state.solar_w for state in states) > 2_000


def test_cars_arrive_and_draw_what_their_station_allows() -> None:
    told: list[dict[str, Any]] = []
    home = Home(HABITS, "ws://127.0.0.1:1", {"CP001": "x", "CP002": "y"}, told.append)
    for tenths in range(300):
        home.step(tenths / 10)
    assert {"event": "car", "station": "CP001", "here": True} in told
    assert home.draws_a() == (0.0, 0.0, 0.0)
    home.stations["CP002"].station.drawn_a, home.stations["CP002"].station.lines = 7.0, 1
    home.plug.command(True)
    assert home.draws_a() == (0.0, 7.0, 2000 / 230)
