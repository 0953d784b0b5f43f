"""The repair ladder, rung by rung, and pausing without a limit."""

from evenload.simulation.station_core import Station as Simulated
from evenload.simulation.station_faults import FAULTS
from services.ocpp_gateway.capability import Rung
from tests.unit.ocpp_gateway.drive import Drive


def climbed(name: str, seconds: int, amps: float = 8.0) -> Drive:
    drive = Drive(FAULTS[name](identity="CP001"))
    drive.run(seconds, amps)
    return drive


def test_nothing_is_repaired_while_it_obeys_or_draws_less() -> None:
    drive = Drive(Simulated(identity="CP001"))
    drive.run(60, 8.0)
    drive.simulated.vehicle_a = 6.0
    drive.run(300, 14.0)
    assert not {"ClearChargingProfile", "Reset"} & set(drive.calls)
    assert drive.gateway.outlets[0].stage == 0
    assert drive.gateway.outlets[0].proven


def test_the_ladder_is_climbed_in_order_with_fresh_evidence_for_each_rung() -> None:
    drive = climbed("accepts_and_ignores", 10)
    stages = [drive.until(lambda each, n=n: each.gateway.outlets[0].stage == n, 8.0, 60) for n in (1, 2, 3)]
    assert all(30 <= seconds <= 60 for seconds in stages), stages
    cleared = [call for call in drive.calls if call == "ClearChargingProfile"]
    assert len(cleared) == 1 + 3
    drive.run(30, 8.0)
    assert drive.gateway.distrusted == ()
    drive.run(20, 8.0)
    assert drive.gateway.distrusted == (Rung("tx", "A", 8),)


def test_a_station_is_reset_soft_then_hard_and_not_again_within_a_day() -> None:
    drive = climbed("accepts_and_ignores", 3_600)
    assert drive.calls.count("Reset") == 2
    assert drive.alerts["station_unrepaired"]
    drive.run(7_200, 8.0)
    assert drive.calls.count("Reset") == 2


def test_only_the_offer_above_the_limit_never_resets_a_station() -> None:
    drive = Drive(FAULTS["accepts_and_ignores"](identity="CP001"))
    drive.simulated.vehicle_a = 7.0
    drive.run(3_600, 8.0)
    assert drive.gateway.outlets[0].stage > 4
    assert "Reset" not in drive.calls
    assert drive.state().obeys


def test_the_first_limit_after_a_pause_is_verified_at_once() -> None:
    drive = climbed("ignores_first_after_pause", 60)
    drive.run(60, 0.0)
    drive.run(26, 8.0)
    assert drive.draws[-1] == 8.0


def test_a_station_that_takes_no_zero_is_stopped_and_started_again() -> None:
    drive = climbed("zero_rejected", 60)
    drive.run(90, 0.0)
    assert "RemoteStopTransaction" in drive.calls
    assert drive.state().status == "suspended_evse"
    assert drive.alerts["station_no_zero"]
    drive.run(120, 9.0)
    assert "RemoteStartTransaction" in drive.calls
    assert drive.state().status == "charging"
    assert drive.draws[-1] == 9.0


def test_a_transaction_that_zero_ends_is_started_again_and_that_is_learned() -> None:
    drive = climbed("zero_ends_session", 60)
    drive.run(60, 0.0)
    assert drive.gateway.learned.zero == "ends"
    assert drive.state().status == "suspended_evse"
    drive.run(90, 9.0)
    assert drive.draws[-1] == 9.0


def test_an_unplugged_vehicle_is_not_started() -> None:
    drive = climbed("zero_ends_session", 60)
    drive.run(60, 0.0)
    drive.simulated.plugged = drive.simulated.told_to_stop = False
    drive.run(120, 9.0)
    assert "RemoteStartTransaction" not in drive.calls
    assert drive.state().status == "available"


def test_a_charging_station_without_values_is_told() -> None:
    drive = Drive(FAULTS["no_triggers"](identity="CP001"))
    drive.simulated.configuration["MeterValueSampleInterval"] = "0"
    drive.simulated.answer = lambda action, payload, now: None  # type: ignore[method-assign]  # it knows no call at all
    drive.run(200, 8.0)
    assert drive.alerts["station_silent"]


def test_a_lower_profile_of_another_backend_is_cleared_once_ours_is() -> None:
    drive = climbed("foreign_tx_profile_zero", 200)
    assert drive.draws[-1] == 8.0
    assert drive.calls.count("ClearChargingProfile") == 1 + 3
    assert "station_offers_less" not in drive.alerts


def test_a_stations_own_lower_limit_is_told_and_left() -> None:
    drive = climbed("caps_below", 300, 16.0)
    assert drive.draws[-1] == 10.0
    assert drive.alerts["station_offers_less"]
    assert drive.state().obeys
    cleared = drive.calls.count("ClearChargingProfile")
    drive.run(1_800, 16.0)
    assert drive.calls.count("ClearChargingProfile") == cleared
    assert "Reset" not in drive.calls
    drive.run(60, 9.0)
    assert not drive.alerts["station_offers_less"]


def test_a_coarse_step_is_no_reason_for_a_repair() -> None:
    drive = climbed("coarse_steps", 300, 15.9)
    assert drive.draws[-1] == 13.0
    assert "ClearChargingProfile" not in drive.calls


def test_a_slow_station_is_given_its_lag() -> None:
    drive = Drive(Simulated(identity="CP001"), lag_s=60)
    drive.run(60, 16.0)
    drive.simulated.allowed_a = lambda now: 16.0  # type: ignore[method-assign]  # it does not follow from here on
    drive.run(75, 8.0)
    assert drive.gateway.outlets[0].stage == 0
    drive.run(60, 8.0)
    assert drive.gateway.outlets[0].stage > 0
