"""Failsafe shares, and that what passes the proof fits every bound (I5)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evenload.site.check_devices import missing_extras
from evenload.site.failsafe import bounds, dead_currents, failsafe_currents
from evenload.site.findings import Report
from evenload.site.load import load_mapping
from evenload.site.schema import Circuit, Evse, Grid, Plug, Site
from tests.unit.site.builders import home_with, load, site_of


def test_auto_shares_what_the_house_leaves() -> None:
    one = site_of(home_with("w: {type: evse, station: A}"))
    assert failsafe_currents(one) == {"w": 14.5}
    two = site_of(home_with("w: {type: evse, station: A}\nv: {type: evse, station: B}"))
    assert failsafe_currents(two) == {"w": 7.2, "v": 7.2}


def test_auto_gives_nobody_less_than_its_minimum() -> None:
    site = site_of(
        home_with("a: {type: evse, station: A}\nb: {type: evse, station: B, priority: 0}\nc: {type: evse, station: C}")
    )
    assert failsafe_currents(site) == {"a": 7.2, "b": 7.2, "c": 0}


def test_a_station_that_takes_no_zero_counts_with_the_least_it_takes() -> None:
    pinned = "stations: {A: {overrides: {min_a: 8}}, B: {overrides: {zero: rejected}}}"
    text = home_with("w: {type: evse, station: A, failsafe_a: 0}\nv: {type: evse, station: B, mode: off}", more=pinned)
    assert failsafe_currents(site_of(text)) == {"w": 8.0, "v": 6.0}
    alone = home_with("w: {type: evse, station: A}", more="stations: {A: {overrides: {min_a: 8}}}")
    assert failsafe_currents(site_of(alone)) == {"w": 14.5}


def test_auto_is_zero_when_nothing_is_known_of_the_house() -> None:
    text = home_with("w: {type: evse, station: A}").replace(", household_max_a: 10", "")
    assert failsafe_currents(site_of(text)) == {"w": 0}


def test_auto_is_zero_for_a_load_that_is_off() -> None:
    assert failsafe_currents(site_of(home_with("w: {type: evse, station: A, mode: off}"))) == {"w": 0}


def test_auto_leaves_room_for_fixed_failsafes_and_for_plugs_that_stay_on() -> None:
    site = site_of(
        home_with(
            "w: {type: evse, station: A, phases: [L1]}\n"
            "p: {type: plug, driver: homewizard, host: h, power_w: 1150, phases: [L1]}\n"
            "q: {type: plug, driver: shelly, host: s, power_w: 2300, phases: [L1]}"
        )
    )
    assert failsafe_currents(site) == {"w": 9.5, "p": 0, "q": 0}
    assert dead_currents(site) == {"w": 9.5, "p": 5, "q": 0}


def test_auto_keeps_within_circuits_and_stations() -> None:
    site = site_of(
        home_with(
            "a: {type: evse, station: A, evse: 1, circuit: g}\nb: {type: evse, station: a, evse: 2, phases: [L2]}\n"
            "c: {type: evse, station: C, circuit: g, phases: [L3]}",
            more="circuits: {g: {limit_a: 13}}\nstations: {A: {max_a: 14}}",
        )
    )
    assert failsafe_currents(site) == {"a": 6.5, "b": 7.5, "c": 6.5}


def test_a_metered_circuit_may_carry_the_whole_house() -> None:
    more = "circuits: {g: {limit_a: 20, meter: em}}"
    text = home_with("w: {type: evse, station: A, circuit: g}", more=more)
    site = site_of(text.replace("p1.lan}}", "p1.lan}, em: {role: circuit, driver: shelly, host: e}}"))
    assert failsafe_currents(site) == {"w": 10}


def test_a_plug_that_is_on_as_its_failsafe_draws_its_rating() -> None:
    site = site_of(
        home_with("p: {type: plug, driver: shelly, host: s, power_w: 2000, phases: [L1], failsafe_on: true}")
    )
    assert failsafe_currents(site) == {"p": 8.7}


def test_the_largest_failsafe_that_is_told_passes() -> None:
    refused = load(home_with("a: {type: evse, station: A, failsafe_a: 16}\nb: {type: evse, station: B, failsafe_a: 9}"))
    assert refused.site is None
    assert [finding.remedy for finding in refused.findings] == ["give at most 7.2, or auto"] * 2
    site_of(home_with("a: {type: evse, station: A, failsafe_a: 7.2}\nb: {type: evse, station: B, failsafe_a: 7.2}"))


def test_an_extra_that_is_not_installed() -> None:
    report = Report("s.yaml")
    missing_extras({"meters.m.driver": "goodwe"}, {"goodwe": ("no_such_module_here", "goodwe")}, report)
    missing_extras({"meters.n.driver": "json"}, {"json": ("json", "json")}, report)
    assert [str(finding) for finding in report.findings()] == [
        "s.yaml: meters.m.driver: the driver goodwe needs no_such_module_here, which is not installed, "
        "run: pip install 'evenload[goodwe]'"
    ]


PHASES = st.permutations(["L1", "L2", "L3"]).flatmap(lambda order: st.sampled_from([order[:n] for n in (1, 2, 3)]))
EVSE = st.fixed_dictionaries(
    {
        "type": st.just("evse"),
        "phases": PHASES,
        "max_a": st.sampled_from([10, 16, 32]),
        "priority": st.integers(1, 3),
        "failsafe_a": st.sampled_from(["auto", "auto", 0, 6, 8.5, 10]),
    },
    optional={"circuit": st.sampled_from(["g", "h"])},
)
PLUG = st.fixed_dictionaries(
    {
        "type": st.just("plug"),
        "phases": PHASES,
        "power_w": st.sampled_from([500, 2000, 3000]),
        "failsafe_on": st.booleans(),
        "driver": st.sampled_from(["shelly", "homewizard"]),
    }
)


@given(
    loads=st.lists(EVSE | PLUG, min_size=1, max_size=7),
    breaker_a=st.sampled_from([16, 25, 40, 63]),
    household_a=st.sampled_from([5, 12, 20]),
    limits=st.tuples(st.sampled_from([10, 16, 40]), st.sampled_from([10, 16])),
)
@settings(max_examples=150, deadline=None)
def test_what_is_accepted_fits_and_auto_wastes_nothing(
    loads: list[dict[str, object]], breaker_a: int, household_a: int, limits: tuple[int, int]
) -> None:
    grid = {"breaker_a": breaker_a, "household_max_a": household_a}
    circuits = {"g": {"limit_a": limits[0]}, "h": {"limit_a": limits[1], "within": "g"}}
    named = {f"load{number}": each for number, each in enumerate(loads)}
    value = {"site": "home", "grid": grid, "circuits": circuits, "loads": named}
    site = load_mapping(value, "random", simulated=True).site
    if site is None:
        return
    dead, wanted = dead_currents(site), failsafe_currents(site)
    assert site.grid is not None
    for phase in site.phases:
        on = [name for name, load in site.loads.items() if phase in (load.phases or ())]
        drawn = sum(dead[name] for name in on)
        assert drawn == 0 or drawn + household_a <= breaker_a - site.grid.margin_a + 1e-6
        for circuits_of, limit in ((("g", "h"), limits[0]), (("h",), limits[1])):
            assert sum(dead[name] for name in on if site.loads[name].circuit in circuits_of) <= limit + 1e-6
    for name, evse in site.loads.items():
        if isinstance(evse, Evse) and evse.failsafe_a == "auto":
            assert wanted[name] == 0 or evse.min_a <= wanted[name] <= evse.max_a
            left = [
                bound.limit_da - bound.beside_da - sum(round(dead[member] * 10) for member in bound.members)
                for bound in bounds(site)
                if name in bound.members
            ]
            assert wanted[name] > 0 or min(left) < 60


def test_order_in_the_file_does_not_matter() -> None:
    rows = [f"c{n}: {{type: evse, station: S{n}, priority: {n % 2}}}" for n in range(4)]
    assert failsafe_currents(site_of(home_with("\n".join(rows)))) == failsafe_currents(
        site_of(home_with("\n".join(reversed(rows))))
    )


def test_structs_built_by_hand_work_too() -> None:
    plug = Plug(power_w=2000, phases=("L1",), driver=None)
    circuits = {"loop": Circuit(limit_a=10, within="loop")}
    site = Site(site="s", grid=Grid(breaker_a=16), loads={"p": plug}, circuits=circuits)
    assert failsafe_currents(site) == dead_currents(site) == {"p": 0}
