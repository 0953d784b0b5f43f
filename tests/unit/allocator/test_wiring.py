"""Which site phase a line is on, and the meter's sign, from steps (engine.md section 6)."""

import msgspec
import pytest
from msgspec.structs import replace

from evenload.contracts.phases import PHASES, PerPhase
from evenload.site.schema import Grid, Inverter, Meter, Site
from services.allocator.draws import Phases
from services.allocator.memory import GridWiring, LoadMemory, Memory, Wiring, rebased
from services.allocator.plan import compile_plan
from services.allocator.rewired import in_force, turned_meter, wiring_alerts
from services.allocator.wiring import Step, best, corrected, judged, scored, signed
from tests.unit.allocator.builders import Home, battery, evse, plug, site

AS_FILED = Wiring(file=(0, 1, 2), found=(0, 1, 2))
L1, L2, L3 = range(3)


def step(lines_a: tuple[float, ...], grid_a: tuple[float, ...], used: tuple[int, ...] = (0,)) -> Step:
    """Return a step of a load's lines and of the grid's phases, A."""
    lines_ma, grid_ma = milliamps(*lines_a), milliamps(*grid_a)
    return Step(lines_ma=lines_ma, used=used, grid_ma=grid_ma, rest_ma=grid_ma, managed_ma=lines_ma)


def milliamps(one_a: float, two_a: float, three_a: float) -> tuple[int, int, int]:
    return round(one_a * 1000), round(two_a * 1000), round(three_a * 1000)


def after(wiring: Wiring, *steps: Step) -> Wiring:
    """Return the wiring after these steps."""
    for each in steps:
        wiring = judged(corrected(scored(wiring, each)))
    return wiring


def test_five_strong_steps_correct_a_line_and_two_put_it_in_doubt() -> None:
    strong = step((20, 0, 0), (0, 20, 0))
    assert after(AS_FILED, strong).doubts == ()
    assert after(AS_FILED, strong, strong).doubts == ((L1, L2),)
    assert after(AS_FILED, *[strong] * 4).found == AS_FILED.found
    assert after(AS_FILED, *[strong] * 5).found == (L2, L1, L3)
    assert after(AS_FILED, *[strong] * 5).confirmed[0]


def test_small_steps_weigh_less() -> None:
    assert after(AS_FILED, *[step((5, 0, 0), (0, 5, 0))] * 14).found == AS_FILED.found
    assert after(AS_FILED, *[step((5, 0, 0), (0, 5, 0))] * 15).found == (L2, L1, L3)


@pytest.mark.parametrize("lines_a", [(0.4, 0, 0), (0, 0, 0)])
def test_a_step_below_half_an_ampere_says_nothing(lines_a: tuple[float, ...]) -> None:
    assert scored(AS_FILED, step(lines_a, (0, 5, 0))) == AS_FILED


def test_only_what_moved_the_same_way_scores() -> None:
    assert scored(AS_FILED, step((-10, 0, 0), (-9.8, 10, -0.4))).scores[0] == (2.0, 0.0, 0.0)


def test_two_lines_tell_of_the_idle_one() -> None:
    two = step((16, 16, 0), (0.2, 16, 16), used=(0, 1))
    assert scored(AS_FILED, two).scores == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (3.0, 0.0, 0.0))
    assert after(AS_FILED, *[two] * 5).found == (L3, L2, L1)


def test_two_lines_say_nothing_while_only_one_phase_moved() -> None:
    assert scored(AS_FILED, step((16, 16, 0), (0, 16, 0), used=(0, 1))) == AS_FILED


def test_three_lines_say_nothing() -> None:
    assert scored(AS_FILED, step((16, 16, 16), (16, 16, 0), used=(0, 1, 2))) == AS_FILED


def test_unclear_scores_halve_and_conclude_nothing() -> None:
    both = step((15, 0, 0), (15, 15, 0))
    wiring = after(AS_FILED, both)
    assert wiring.scores[0] == (3.0, 3.0, 0.0)
    assert after(wiring, both).scores[0] == (3.0, 3.0, 0.0)
    assert best(after(wiring, *[both] * 9), 0) is None


def test_a_house_that_is_wired_anew_is_found_out() -> None:
    wiring = after(AS_FILED, *[step((15, 0, 0), (15, 0, 0))] * 1000)
    assert wiring.confirmed[0]
    assert after(wiring, *[step((15, 0, 0), (0, 15, 0))] * 15).found == (L2, L1, L3)


def test_two_lines_with_the_same_evidence_do_not_change_places_forever() -> None:
    wiring = replace(AS_FILED, scores=((0.0, 20.0, 0.0), (0.0, 20.0, 0.0), (0.0, 0.0, 0.0)))
    assert corrected(wiring) == wiring
    assert judged(wiring).doubts == ((L1, L2),)


def test_a_one_phase_and_a_two_phase_car_tell_every_order() -> None:
    one, two = step((16, 0, 0), (0, 16, 0)), step((16, 16, 0), (0, 16, 16), used=(0, 1))
    assert after(AS_FILED, *[one] * 5).found == (L2, L1, L3)
    assert after(AS_FILED, *[one] * 5, *[two] * 5).found == (L2, L3, L1)


def test_ten_of_fifteen_steps_the_other_way_are_an_inverted_meter() -> None:
    right, wrong = step((5, 0, 0), (5, 0, 0)), step((5, 0, 0), (-5, 0, 0))
    about = GridWiring()
    for each in [right] * 5 + [wrong] * 9:
        about = signed(about, AS_FILED, each, 7.0)
    assert about.inverted_s is None
    about = signed(about, AS_FILED, wrong, 8.0)
    assert about.inverted_s == 8.0
    assert len(about.steps) == 15


def test_the_sun_that_moves_more_than_the_step_does_not_invert_a_meter() -> None:
    about = GridWiring()
    for _ in range(30):
        about = signed(about, AS_FILED, step((2, 0, 0), (-9, 0, 0)), 7.0)
    assert about.inverted_s is None


class Switched(Home):
    """A home with one car on one line, told L1, that is on L2 and switched on and off each minute."""

    def __init__(self, where: Site | None = None) -> None:
        super().__init__(where or site({"car": evse(phases=("L1",))}), (2.0, 2.0, 2.0))
        self.uses = {"car": ("L2",)}
        self._draws(0.0).pass_s(3)

    def cycle(self, times: int) -> "Switched":
        """Let it draw and pause."""
        for _ in range(times):
            for drawn_a in (16.0, 0.0):
                self._draws(drawn_a).pass_s(30)
        return self

    def _draws(self, drawn_a: float) -> "Switched":
        self.draws_a = {"car": drawn_a}
        current = PerPhase(l1=drawn_a)
        self.tells = {"car": {"measured_a": current, "setpoint_a": 16.0, "status": "charging"}}
        return self

    @property
    def wiring(self) -> Wiring:
        """What is known of the car's wiring."""
        found = self.memory.loads["car"].wiring
        assert found is not None
        return found


def test_a_car_on_another_phase_is_told_counted_on_both_and_then_corrected() -> None:
    home = Switched().cycle(1)
    assert home.wiring.doubts == ((L1, L2),)
    assert home.line("car").wiring == "suspected"
    assert ("wiring_suspected", "car") in home.memory.alerts
    home.cycle(2)
    assert home.line("car").phases == ("L2",)
    assert home.line("car").wiring == "corrected"
    assert home.memory.alerts == (("wiring_corrected", "car"),)


def test_a_corrected_car_gives_way_on_its_true_phase() -> None:
    home = Switched().cycle(3)
    home.tells = {"car": {"measured_a": PerPhase(l1=16.0)}}
    home.draws_a = {"car": 16.0}
    home.pass_s(120)
    assert home.amps("car") == 16.0
    home.now((2.0, 12.0, 2.0)).pass_s(2)
    assert home.amps("car") == 13.0
    assert "breaker L2" in home.line("car").reason


def test_while_in_doubt_it_counts_on_both_phases() -> None:
    home = Switched().cycle(1)
    assert home.wiring.doubts
    home.now((2.0, 20.0, 2.0)).pass_s(30)
    assert "breaker L2" in home.line("car").reason


def test_what_was_learned_is_kept_as_json_and_on_another_clock() -> None:
    home = Switched().cycle(3)
    kept = msgspec.json.decode(msgspec.json.encode(home.memory), type=Memory)
    moved = rebased(kept, 5000.0).loads["car"].wiring
    assert moved is not None
    assert (moved.found, moved.scores, moved.window) == (home.wiring.found, home.wiring.scores, None)


def test_a_corrected_site_file_ends_the_correction_and_its_alert() -> None:
    home = Switched().cycle(3).becomes(car=evse(phases=("L2",)))
    home.pass_s(2)
    assert in_force(home.plan, home.memory) is home.plan
    assert home.memory.alerts == ()


@pytest.mark.parametrize(
    "values",
    [
        {"phases": ("L1",)},
        {"grid": None, "battery": battery()},
        {"inverter": Inverter(max_w=9000, asymmetric=True)},
    ],
    ids=["one phase", "off-grid", "asymmetric inverter"],
)
def test_where_phases_cannot_be_told_apart_nothing_is_learned(values: dict[str, object]) -> None:
    home = Switched(Site(site="home", loads={"car": evse(phases=("L1",))}, **{"grid": Grid(breaker_a=25.0), **values}))
    home.now((0.0, 0.0, 0.0), 9.0).cycle(3)
    wiring = home.memory.loads["car"].wiring
    assert wiring is None or not any(map(any, wiring.scores))


def test_an_inverted_meter_leads_to_failsafe_and_is_tried_again() -> None:
    home = Home(site({"car": evse(phases=("L1",)), "heater": plug()}), (2.0, 2.0, 2.0))
    wrong = tuple(True for _ in range(10))
    home.pass_s(3)
    about = replace(home.memory.grid_wiring, steps=wrong, inverted_s=home.now_s)
    home.memory = replace(home.memory, grid_wiring=about)
    home.pass_s(20)
    assert home.memory.health == "failsafe"
    assert home.memory.alerts == (("grid_inverted", "p1"),)
    home.pass_s(3600)
    assert home.memory.grid_wiring.inverted_s is None
    assert home.memory.health == "normal"


def test_another_entry_of_the_meter_is_another_meter() -> None:
    home = Home(site({"car": evse()}), (2.0, 2.0, 2.0)).pass_s(2)
    home.memory = replace(home.memory, grid_wiring=replace(home.memory.grid_wiring, inverted_s=home.now_s))
    p1 = replace(home.site.meters["p1"], invert=True)
    home.site = replace(home.site, meters={**home.site.meters, "p1": p1})
    home.becomes().pass_s(2)
    assert home.memory.grid_wiring.inverted_s is None


def test_phases_are_named_as_everywhere() -> None:
    assert Switched().pass_s(1).line("car").phases == PHASES[:1]


def proven(file: Phases, found: Phases, lines: int = 1) -> LoadMemory:
    """Return what is remembered of a load whose first lines are proven to be where `found` says."""
    sure = tuple(line < lines for line in range(3))
    wiring = Wiring(file=file[:lines], found=found, confirmed=(sure[0], sure[1], sure[2]), state="corrected")
    return LoadMemory(wiring=wiring)


def with_loads(**loads: LoadMemory) -> Memory:
    """Return the memory of a site whose loads are all notable."""
    return Memory(loads=loads, grid_wiring=GridWiring(notable=tuple(sorted(loads))))


METERED = compile_plan(site({}, meters={"p1": Meter(role="grid", driver="ideal")}))
ON_L2, ON_L1, ON_L3 = proven((0, 1, 2), (1, 0, 2)), proven((1, 0, 2), (0, 1, 2)), proven((2, 0, 1), (2, 0, 1))


def test_a_meter_that_exchanges_phases_is_told_with_the_lines_to_write() -> None:
    (alert,) = wiring_alerts(METERED, with_loads(car=ON_L2, van=ON_L1))
    assert alert[:2] == ("grid_phases", "p1")
    assert "L1 as L2, L2 as L1" in alert[2]
    assert "phases: [L2, L1, L3]" in alert[3]


def test_a_rotated_meter_is_told_by_what_its_file_says_already() -> None:
    turned = compile_plan(site({}, meters={"p1": Meter(role="grid", driver="ideal", phases=("L3", "L1", "L2"))}))
    seen = with_loads(car=proven((0, 1, 2), (1, 2, 0)), van=proven((1, 2, 0), (2, 0, 1)))
    (alert,) = wiring_alerts(turned, seen)
    assert "phases: [L2, L3, L1]" in alert[3], "line 1 was called L3, and what is called L3 is L2"


@pytest.mark.parametrize(
    "loads",
    [
        {"car": ON_L2},
        {"car": ON_L2, "bus": ON_L2},
        {"car": ON_L2, "van": proven((2, 0, 1), (1, 0, 2))},
        {"car": ON_L2, "van": ON_L1, "heater": proven((0, 1, 2), (0, 1, 2))},
    ],
    ids=["one load", "two on one phase", "no exchange", "a third one says otherwise"],
)
def test_without_proof_the_loads_are_told_and_not_the_meter(loads: dict[str, LoadMemory]) -> None:
    kinds = {kind for kind, _, _, _ in wiring_alerts(METERED, with_loads(**loads))}
    assert kinds == {"wiring_corrected"}


def test_a_load_on_its_own_phase_does_not_contradict_the_exchange_of_others() -> None:
    assert turned_meter(METERED, with_loads(car=ON_L2, van=ON_L1, heater=ON_L3)) == (1, 0, 2)


def test_of_two_grid_meters_nothing_is_told_by_name() -> None:
    both = {"p1": Meter(role="grid", driver="ideal"), "p2": Meter(role="grid", driver="ideal", checks="p1")}
    assert turned_meter(compile_plan(site({}, meters=both)), with_loads(car=ON_L2, van=ON_L1)) is None


def test_what_another_meter_told_of_a_load_is_forgotten() -> None:
    home = Switched().cycle(3)
    p1 = replace(home.site.meters["p1"], phases=("L2", "L1", "L3"))
    home.site = replace(home.site, meters={**home.site.meters, "p1": p1})
    home.becomes().pass_s(1)
    assert home.line("car").phases == ("L1",)
    assert home.line("car").wiring == "unproven"
    assert home.memory.alerts == ()
