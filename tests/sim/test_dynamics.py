"""The closed loop of `bench.dynamics` at a few phases: the targets of the dynamics hold with the real core."""

import pytest

from bench.closed_loop import VOLTS, ClosedLoop, Ours, Timing, site_of
from bench.dynamics import CASES, OURS, Case, missed, played, settled, worst_of
from bench.field_pipeline import Pipeline
from evenload.simulation.weather import cloudy_day_w


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_breaker_is_relieved_in_time(case: Case) -> None:
    warm = settled(OURS, case)
    few = case.phases_s[:: max(1, len(case.phases_s) // 3)]
    assert missed(case, worst_of([played(warm, case, phase_s) for phase_s in few])) == []


def test_equal_loops_give_equal_runs() -> None:
    case = CASES[0]
    one, two = (played(settled(OURS, case), case, 0.3, keep_every=1).trace for _ in range(2))
    assert one == two


def test_an_hour_of_clouds_imports_less_than_the_peer_and_uses_more() -> None:
    sun_w = cloudy_day_w(1, 5520.0)
    found = []
    for controller, spacing_s in ((Ours(site_of("solar_only")), 10.0), (Pipeline(solar=True), 0.0)):
        timing = Timing(1.0, 10.0, spacing_s=spacing_s)
        loop = ClosedLoop(controller, timing, lambda now_s: 2.0, lambda now_s: sun_w[int(43_200 + now_s)] / VOLTS)
        found.append(loop.run(3600).tally)
    ours, peer = found
    assert ours.imported_as / ours.charged_as < peer.imported_as / peer.charged_as
    assert ours.usable_used_as > peer.usable_used_as
    assert ours.stops <= peer.stops
