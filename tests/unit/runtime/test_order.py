"""Order and lateness by the publisher's stamps."""

from datetime import UTC, datetime

from evenload.contracts.events import Alert
from evenload.runtime.order import MAX_BOOTS, Order, Verdict, judge

OFFSET_MS = 5_000_000


def event(seq: int, sent_ms: int, boot: str = "b1") -> Alert:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Alert(site="s", kind="k", about="x", active=True, at=at, boot=boot, seq=seq, sent_ms=sent_ms)


def verdicts(*arrivals: tuple[Alert, float]) -> list[Verdict]:
    """Judge events one after the other; the delay in ms comes on top of an unknown clock offset."""
    order, found = Order(), []
    for one, delay_ms in arrivals:
        order, verdict = judge(order, one, one.sent_ms + OFFSET_MS + delay_ms)
        found.append(verdict)
    return found


def test_in_order_and_in_time_is_fresh() -> None:
    assert verdicts((event(1, 0), 3), (event(2, 1000), 5), (event(9, 2000), 1)) == [Verdict.FRESH] * 3


def test_a_lower_or_equal_seq_of_the_same_boot_is_old() -> None:
    assert verdicts((event(5, 0), 1), (event(5, 0), 1), (event(4, 0), 1))[1:] == [Verdict.OLD, Verdict.OLD]


def test_a_new_boot_starts_its_own_count() -> None:
    assert verdicts((event(500, 90_000), 1), (event(1, 10, "b2"), 1))[1] is Verdict.FRESH


def test_more_than_two_seconds_over_the_least_delay_is_late() -> None:
    found = verdicts((event(1, 0), 10), (event(2, 100), 2009), (event(3, 200), 2011))
    assert found == [Verdict.FRESH, Verdict.FRESH, Verdict.LATE]


def test_a_late_event_still_makes_older_ones_old() -> None:
    assert verdicts((event(1, 0), 0), (event(3, 0), 9_000), (event(2, 0), 9_000))[2] is Verdict.OLD


def test_the_first_event_heard_may_be_slow_and_is_corrected_by_faster_ones() -> None:
    found = verdicts((event(1, 0), 5_000), (event(2, 10_000), 10), (event(3, 11_000), 2_500))
    assert found == [Verdict.FRESH, Verdict.FRESH, Verdict.LATE]


def test_clocks_that_drift_apart_over_months_make_nothing_late() -> None:
    day_ms = 86_400_000
    order, verdict = Order(), Verdict.FRESH
    for day in range(120):
        drift_ms = day * day_ms * 50e-6
        order, verdict = judge(order, event(day + 1, day * day_ms), day * day_ms + OFFSET_MS + drift_ms)
        assert verdict is Verdict.FRESH


def test_who_sends_without_a_boot_is_fresh_and_forgotten() -> None:
    order, verdict = judge(Order(), event(1, 0, boot=""), 0)
    assert (order, verdict) == (Order(), Verdict.FRESH)


def test_memory_is_bounded_and_forgets_the_longest_silent() -> None:
    order = Order()
    for number in range(MAX_BOOTS + 10):
        order, _ = judge(order, event(1, 0, f"b{number}"), 0)
        order, _ = judge(order, event(number + 2, 0, "steady"), 0)
    assert len(order.boots) == MAX_BOOTS
    assert "steady" in order.boots
    assert "b0" not in order.boots
