"""What a feed of outside limits says: numbers, contacts, signs of life, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from evenload.contracts.events import SiteLimit
from evenload.devices.errors import DeviceError
from evenload.site.limit_drivers import MqttLimit
from evenload.site.limits import Terms
from services.meter_ingest.drivers.limit_fields import LimitReader
from services.meter_ingest.drivers.limit_inputs import gen1_said, gen2_said
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.limit_feed import FeedMemory, Said, heard, repeated, silence, truth
from services.meter_ingest.normalise import Now

AT = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def plan(contact_w: float | None = None, valid_s: float | None = 120.0, **values: Any) -> LimitPlan:
    terms = Terms(
        scope="managed", contact_w=contact_w, floor_w=4200.0, failsafe_w=4200.0, valid_s=valid_s, failsafe_s=7200.0
    )
    defaults: dict[str, Any] = {"invert": False, "scale": 1.0}
    named: dict[str, Any] = {"site": "home", "source": "dso", "driver": "mqtt", "options": None}
    return LimitPlan(**named, terms=terms, period_s=1.0, mqtt=None, **{**defaults, **values})


class Feed:
    """A feed, told one thing after the other, `step_s` apart."""

    step_s = 10.0

    def __init__(self, of: LimitPlan) -> None:
        self.plan, self.memory, self.now_s = of, FeedMemory(), 100.0
        self.refused = ""
        self.alerts: set[str] = set()

    def now(self) -> Now:
        return Now(self.now_s, AT)

    def hears(self, said: Said) -> SiteLimit | None:
        self.now_s += self.step_s
        self.memory, outcome = heard(self.plan, self.memory, said, self.now())
        self.refused = outcome.refused
        for alert in outcome.alerts:
            (self.alerts.add if alert.active else self.alerts.discard)(alert.kind)
        return outcome.limit

    def says(self, value: Any) -> float | str | None:
        """Return the W that are published, or `nothing`."""
        limit = self.hears(Said(value=value))
        return "nothing" if limit is None else limit.limit_w


@pytest.mark.parametrize(
    ("value", "wanted_w"),
    [(5000, 5000.0), (0, 0.0), ("4200.5", 4200.5), (" 1e3 ", 1000.0), (None, None), ("", None), ("none", None)],
)
def test_numbers_are_watts(value: Any, wanted_w: float | None) -> None:
    assert Feed(plan()).says(value) == wanted_w


def test_kilowatts_are_scaled() -> None:
    assert Feed(plan(scale=1000.0)).says(4.2) == 4200.0


@pytest.mark.parametrize("value", ["nan", float("nan"), "much", True, [], {"w": 1}, "1 kW", 10**400])
def test_what_is_no_number_is_refused_and_no_sign_of_life(value: Any) -> None:
    feed = Feed(plan())
    feed.says(5000)
    assert (feed.says(value), feed.refused, feed.alerts) == ("nothing", "garbage", {"limit_refused"})


@pytest.mark.parametrize("value", [-1, -4200.0, 1e8, "1e999", float("inf")])
def test_a_negative_or_absurd_limit_is_refused_and_the_last_one_holds(value: Any) -> None:
    feed = Feed(plan())
    feed.says(5000)
    limit = feed.hears(Said(value=value))
    assert limit is not None
    assert (limit.limit_w, limit.heartbeat_only, feed.alerts) == (5000.0, True, {"limit_refused"})
    feed.says(6000)
    assert feed.alerts == set()


@pytest.mark.parametrize(
    ("value", "wanted_w"),
    [(True, 4200.0), (1, 4200.0), ("ON", 4200.0), ("closed", 4200.0), (False, None), (0, None), ("off", None)],
)
def test_a_closed_contact_sets_its_limit(value: Any, wanted_w: float | None) -> None:
    assert Feed(plan(contact_w=4200.0)).says(value) == wanted_w


def test_an_inverted_contact_sets_it_while_it_is_open() -> None:
    feed = Feed(plan(contact_w=4200.0, invert=True))
    assert [feed.says(value) for value in (True, False)] == [None, 4200.0]


@pytest.mark.parametrize("value", [None, 2, "half", 0.5, []])
def test_what_is_no_state_of_a_contact_is_refused(value: Any) -> None:
    assert truth(value) is None
    assert Feed(plan(contact_w=4200.0)).says(value) == "nothing"


def test_a_missing_value_never_lifts() -> None:
    feed = Feed(plan())
    assert feed.hears(Said(missing=True)) is None
    assert feed.refused == "garbage"


def test_active_says_whether_the_number_holds() -> None:
    feed = Feed(plan())
    said = [feed.hears(Said(value=5000, active=active)) for active in (True, False)]
    assert [limit.limit_w for limit in said if limit is not None] == [5000.0, None]
    assert feed.hears(Said(value=5000, active="perhaps")) is None


def test_a_kept_message_is_told_with_the_next_sign_of_life() -> None:
    feed = Feed(plan())
    assert feed.hears(Said(value=5000, alive=False)) is None
    limit = feed.hears(Said(tells=False))
    assert limit is not None
    assert (limit.limit_w, limit.heartbeat_only) == (5000.0, True)


def test_without_a_heartbeat_a_kept_message_holds_and_is_repeated() -> None:
    feed = Feed(plan(valid_s=None))
    assert repeated(feed.plan, feed.memory, feed.now()) is None
    assert feed.hears(Said(value=5000, alive=False)) is not None
    again = repeated(feed.plan, feed.memory, feed.now())
    assert again is not None
    assert (again.limit_w, again.heartbeat_only) == (5000.0, True)


def test_with_a_heartbeat_nothing_is_repeated() -> None:
    feed = Feed(plan())
    feed.says(5000)
    assert repeated(feed.plan, feed.memory, feed.now()) is None


def test_a_sign_of_life_before_any_limit_is_nothing() -> None:
    assert Feed(plan()).hears(Said(tells=False)) is None


def test_what_is_told_again_each_second_is_published_each_five_and_a_change_at_once() -> None:
    feed = Feed(plan(contact_w=4200.0))
    feed.step_s = 1.0
    said = [feed.says(value) for value in (False, False, False, False, False, False, True, True)]
    assert said == [None, "nothing", "nothing", "nothing", "nothing", None, 4200.0, "nothing"]


def test_a_beat_that_stands_still_is_no_sign_of_life() -> None:
    feed = Feed(plan())
    said = [feed.hears(Said(value=5000, beat=beat, beats=True)) for beat in (1, 1, 2, None)]
    assert [limit is not None for limit in said] == [True, False, True, False]


def test_a_feed_that_fails_for_30_s_is_told_of() -> None:
    feed = Feed(plan())
    trouble = DeviceError("silent", "http://x", "no answer within 5 s", "look")
    found = []
    for after_s in (29.0, 31.0):
        _, alerts = silence(feed.plan, feed.memory, Now(100.0 + after_s, AT), trouble=trouble, started_s=100.0)
        found.append([(alert.kind, "no answer" in alert.text) for alert in alerts])
    assert found == [[], [("limit_feed_silent", True)]]


def test_silence_without_a_heartbeat_is_no_trouble() -> None:
    feed = Feed(plan(valid_s=None))
    assert silence(feed.plan, feed.memory, Now(1e6, AT), trouble=None, started_s=0.0)[1] == ()


def test_what_is_told_carries_the_terms() -> None:
    limit = Feed(plan()).hears(Said(value=1000))
    assert limit is not None
    assert (limit.floor_w, limit.failsafe_w, limit.valid_s, limit.failsafe_s) == (4200.0, 4200.0, 120.0, 7200.0)


def test_documents_are_read_by_their_paths() -> None:
    reader = LimitReader(MqttLimit(topic="a", value="lpc.value", active="lpc.on", beat="n"))
    said = reader.said({"lpc": {"value": 4200, "on": False}, "n": 7}, alive=False)
    assert said == Said(value=4200, active=False, beat=7, beats=True, alive=False)
    assert reader.said({"lpc": {"on": True}, "n": 8}).missing
    assert not reader.said({"lpc": {"value": None}, "n": 8}).missing


def test_inputs_of_a_shelly() -> None:
    assert gen2_said({"id": 0, "state": True}) == Said(value=True)
    assert gen2_said({"id": 0, "state": None}) == Said(value=None)
    assert gen2_said({"id": 0, "type": "count"}).missing
    assert gen1_said({"inputs": [{"input": 0}, {"input": 1}]}, 1) == Said(value=1)
    assert gen1_said({"inputs": []}, 0).missing
    assert gen1_said(None, 0).missing
