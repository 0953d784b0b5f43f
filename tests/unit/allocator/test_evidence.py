"""The evidence of limits: when they took force, when the site was within them, and the mean of each quarter hour."""

from datetime import timedelta
from typing import Any

from evenload.contracts.events import Decision, LoadDecision
from evenload.contracts.limit_events import LimitRecord
from evenload.contracts.limits import LimitInForce
from evenload.contracts.phases import PerPhase
from services.allocator.evidence import Evidence, managed_from_grid_w, resumed, witnessed
from tests.property.allocator.ideal import NOW

VOLTS = 230.0


def told(limit_w: float | None, **values: Any) -> LimitInForce:
    defaults: dict[str, Any] = {"scope": "managed", "state": "told", "told_w": limit_w, "heard_s": 1000.0}
    return LimitInForce(source="dso", limit_w=limit_w, **{**defaults, **values})


def decided(after_s: float, drawn_a: float, *limits: LimitInForce, base_a: float = 2.0) -> Decision:
    """A load on L1 that draws `drawn_a`, beside a house of `base_a` there."""
    load = LoadDecision(
        load="car", mode="standard", measured_a=PerPhase(drawn_a), setpoint_a=0, target_a=0, could_get_a=0
    )
    return Decision(
        site="home",
        decided_at=NOW + timedelta(seconds=after_s),
        now_s=1000.0 + after_s,
        base_a=PerPhase(base_a),
        import_w=max(0.0, base_a + drawn_a) * VOLTS,
        loads=(load,),
        limits=limits,
    )


class Watch:
    """Evidence of decisions, one after the other."""

    def __init__(self) -> None:
        self.evidence, self.records = Evidence(), list[LimitRecord]()

    def sees(self, *decisions: Decision) -> "Watch":
        for decision in decisions:
            self.evidence, found = witnessed(self.evidence, decision, VOLTS)
            self.records += found
        return self

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records]


def test_own_solar_comes_off_what_loads_draw() -> None:
    found = [managed_from_grid_w(decided(0, 20.0, base_a=base_a), VOLTS) for base_a in (5.0, 0.0, -8.0, -30.0)]
    assert found == [4600.0, 4600.0, 2760.0, 0.0]


def test_a_command_is_kept_with_what_was_drawn_and_when_it_was_followed() -> None:
    watch = Watch().sees(decided(0, 30.0, told(4600.0)), decided(3, 25.0, told(4600.0)), decided(6, 20.0, told(4600.0)))
    began, followed = watch.records
    assert (began.kind, began.told_w, began.limit_w, began.managed_w) == ("began", 4600.0, 4600.0, 6900.0)
    assert began.heard_at == NOW
    assert (followed.kind, followed.after_s, followed.managed_w) == ("followed", 6.0, 4600.0)


def test_a_quarter_of_an_hour_has_its_mean_and_its_most() -> None:
    watch = Watch().sees(decided(0, 20.0, told(4600.0)), decided(1, 20.0, told(4600.0)))
    for at_s in range(60, 901, 60):
        watch.sees(decided(at_s, 10.0, told(4600.0)))
    measured = watch.records[-1]
    assert (watch.kinds(), measured.after_s) == (["began", "followed", "measured"], 900.0)
    assert measured.mean_w == round((20 * 60 + 10 * 840) / 900 * VOLTS, 1)
    assert measured.most_w == 4600.0


def test_a_time_without_decisions_does_not_count() -> None:
    watch = Watch().sees(decided(0, 20.0, told(4600.0)), decided(10, 0.0, told(4600.0)))
    watch.sees(decided(500, 10.0, told(4600.0)), decided(900, 10.0, told(4600.0)))
    assert watch.records[-1].mean_w == 4600.0, "only the first ten seconds are known"


def test_another_value_ends_the_one_before() -> None:
    watch = Watch().sees(decided(0, 10.0, told(4600.0)), decided(60, 10.0, told(4600.0)))
    watch.sees(decided(70, 10.0, told(2300.0)), decided(80, 10.0, told(None, state="lifted")))
    assert watch.kinds() == ["began", "followed", "ended", "began", "ended", "began"]
    assert watch.records[2].limit_w == 4600.0
    assert watch.records[-1].state == "lifted"


def test_the_same_value_told_again_is_nothing_new() -> None:
    watch = Watch().sees(*(decided(at_s, 30.0, told(4600.0, heard_s=1000.0 + at_s)) for at_s in range(0, 60, 10)))
    assert watch.kinds() == ["began"]


def test_of_the_import_the_house_counts_too() -> None:
    watch = Watch().sees(decided(0, 19.0, told(4600.0, scope="import")), decided(1, 18.0, told(4600.0, scope="import")))
    assert [(record.kind, record.import_w) for record in watch.records] == [("began", 4830.0), ("followed", 4600.0)]


def test_while_the_grid_is_unknown_nothing_is_followed() -> None:
    blind = Decision(site="home", decided_at=NOW, now_s=1000.0, limits=(told(4600.0),))
    watch = Watch().sees(blind, blind)
    assert (watch.kinds(), watch.records[0].managed_w) == (["began"], None)


def test_after_a_restart_a_span_goes_on() -> None:
    watch = Watch().sees(decided(0, 10.0, told(4600.0)), decided(60, 10.0, told(4600.0)))
    watch.evidence = resumed(watch.evidence)
    watch.sees(decided(5000, 10.0, told(4600.0)))
    assert watch.kinds() == ["began", "followed"]
    assert watch.evidence.spans["dso"].after_s == 60.0


def test_a_source_that_goes_from_the_file_ends() -> None:
    assert Watch().sees(decided(0, 10.0, told(4600.0)), decided(1, 10.0)).kinds() == ["began", "ended"]
