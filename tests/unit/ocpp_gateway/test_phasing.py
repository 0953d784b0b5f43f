"""How many lines a station is told to use: in each profile, only while it pauses, and what is learned of it."""

from typing import Any

import pytest
from msgspec.structs import replace

from evenload.simulation.station_core import Station as Simulated
from evenload.simulation.station_switching import IgnoresPhases, RefusesPhases, SwitchesPhases
from services.ocpp_gateway import learning
from services.ocpp_gateway.calls201 import profile_2x
from services.ocpp_gateway.capability import Rung
from services.ocpp_gateway.card import Learned
from services.ocpp_gateway.profile16 import Ending, Wanted, charging_profile
from services.ocpp_gateway.setup16 import learn
from services.ocpp_gateway.station import Station, new_station, with_outlet, with_plan
from tests.unit.ocpp_gateway.builders import station
from tests.unit.ocpp_gateway.drive import Drive

TX = Rung("tx", "A", 0)


def switching(found: Station, **plan: Any) -> Station:
    """Return the station with outlets whose lines may be chosen."""
    outlets = tuple(replace(outlet.plan, switches=True, **plan) for outlet in found.outlets)
    return with_plan(found, replace(found.plan, outlets=outlets))


class Switched(Drive):
    """A station whose lines may be chosen, with what every profile said of them."""

    def __init__(self, simulated: Simulated, **overrides: Any) -> None:
        self.phases: int | None = None
        super().__init__(simulated, **overrides)
        self.gateway = switching(self.gateway)

    def _give(self, amps: float) -> None:
        super()._give(amps)
        outlet = self.gateway.outlets[0]
        assert outlet.lease is not None
        setpoint = replace(outlet.lease.setpoint, phases=self.phases)
        lease = replace(outlet.lease, setpoint=setpoint)
        self.gateway = with_outlet(self.gateway, replace(outlet, lease=lease))

    def told(self) -> set[int | None]:
        """Return what the periods of the working profile say."""
        return {
            lines for each in self.simulated.profiles.values() if each.purpose == "TxProfile" for lines in each.lines
        }


def test_until_a_number_is_asked_for_none_is_sent() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(60, 10.0)
    assert drive.told() == {None}
    assert drive.state().phases is None


def test_while_it_draws_nothing_is_switched() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(60, 10.0)
    drive.phases = 1
    drive.run(60, 10.0)
    assert (drive.told(), drive.state().phases) == ({None}, None)


def test_paused_it_is_told_in_every_period_and_the_end_says_the_same() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(60, 10.0)
    drive.run(30, 0.0)
    drive.phases = 1
    drive.run(30, 0.0)
    assert (drive.told(), drive.state().phases) == ({1}, 1)
    drive.simulated.lines = 1
    drive.run(60, 12.0)
    assert (drive.told(), drive.simulated.active_lines(drive._utc())) == ({1}, 1)
    assert drive.gateway.learned.switches is True


def test_a_number_holds_when_setpoints_name_none_any_more() -> None:
    """An allocator that lost its memory must not switch lines under current."""
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(30, 0.0)
    drive.phases = 1
    drive.run(30, 0.0)
    drive.phases = None
    drive.run(60, 10.0)
    assert drive.told() == {1}


def test_back_to_all_lines_only_paused() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(30, 0.0)
    drive.phases = 1
    drive.run(60, 0.0)
    drive.phases = 3
    drive.run(30, 10.0)
    assert drive.told() == {1}
    drive.run(60, 0.0)
    assert drive.told() == {3}


def test_a_station_that_refuses_keeps_its_limits_and_its_card_says_so() -> None:
    drive = Switched(RefusesPhases("CP001"))
    drive.run(60, 10.0)
    drive.phases = 1
    drive.run(60, 0.0)
    assert (drive.told(), drive.gateway.learned.switchable) == ({None}, False)
    drive.run(60, 8.0)
    assert drive.at_most(10) == 8.0
    assert "station_refuses" not in drive.alerts


def test_a_station_that_ignores_it_is_found_by_its_samples() -> None:
    drive = Switched(IgnoresPhases("CP001"))
    drive.run(30, 0.0)
    drive.phases = 1
    drive.run(30, 0.0)
    drive.run(60, 10.0)
    assert drive.gateway.learned.switches is False


def test_a_station_without_permission_is_never_told() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.gateway = with_plan(
        drive.gateway, replace(drive.gateway.plan, outlets=(replace(drive.gateway.outlets[0].plan, switches=False),))
    )
    drive.phases = 1
    drive.run(60, 0.0)
    assert drive.told() == {None}


def test_a_station_that_takes_watts_only_is_not_switched() -> None:
    """The same watts on one line would be three times the current."""
    drive = Switched(SwitchesPhases("CP001"), rate_unit="W")
    drive.phases = 1
    drive.run(60, 0.0)
    assert drive.told() == {None}


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({}, None),
        ({"connectorswitch3to1phasesupported": ("true", True)}, True),
        ({"acphaseswitchingsupported": ("True", True)}, True),
        ({"connectorswitch3to1phasesupported": ("false", True)}, False),
    ],
)
def test_what_its_configuration_says(told: dict[str, tuple[str, bool]], wanted: bool | None) -> None:
    assert learn(Learned(), told).switchable is wanted


@pytest.mark.parametrize(("pinned", "wanted"), [(None, {None}), (True, {1})])
def test_the_site_file_knows_better_than_its_configuration(pinned: bool | None, wanted: set[int | None]) -> None:
    simulated = SwitchesPhases("CP001")
    drive = Switched(simulated, **({} if pinned is None else {"switches_phases": pinned}))
    drive.run(30, 0.0)
    drive.gateway = replace(drive.gateway, learned=replace(drive.gateway.learned, switchable=False))
    drive.phases = 1
    drive.run(30, 0.0)
    assert drive.told() == wanted


def test_the_record_keeps_what_was_told() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(30, 0.0)
    drive.phases = 1
    drive.run(30, 0.0)
    facts = learning.facts_of(drive.gateway)
    found = learning.restored(new_station(drive.gateway.plan), facts)
    assert (found.outlets[0].phases, found.outlets[0].transaction) == (1, 1)


def test_the_number_goes_with_the_transaction() -> None:
    drive = Switched(SwitchesPhases("CP001"))
    drive.run(30, 0.0)
    drive.phases = 1
    drive.run(30, 0.0)
    drive.phases, drive.simulated.plugged = None, False
    drive.run(10, 0.0)
    assert drive.state().phases is None


@pytest.mark.parametrize(
    ("version", "phases", "wanted"),
    [
        ("1.6", 1, {"numberPhases": 1}),
        ("2.0.1", 1, {"numberPhases": 1, "phaseToUse": 2}),
        ("2.1", 1, {"numberPhases": 1, "phaseToUse": 2}),
        ("2.0.1", 3, {"numberPhases": 3}),
        ("2.0.1", None, {}),
    ],
)
def test_the_words_of_each_version(version: str, phases: int | None, wanted: dict[str, int]) -> None:
    found = switching(station(), phase_to_use=2)
    assert found.link is not None
    found = replace(found, link=replace(found.link, version=version))
    profile = charging_profile(
        Wanted(rung=TX, limit_a=6.0, ends=True, phases=phases), found.outlets[0], found, Ending("periods", 180)
    )["csChargingProfiles"]
    periods = profile["chargingSchedule"]["chargingSchedulePeriod"]
    if version != "1.6":
        periods = profile_2x(profile)["chargingSchedule"][0]["chargingSchedulePeriod"]
    said = [{key: value for key, value in period.items() if "hase" in key} for period in periods]
    assert said == [wanted, wanted]
