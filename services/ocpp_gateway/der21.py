"""What an operator may set of a 2.1 station as an energy source (SetDERControl, part 2 edition 1). Strict.

Which settings belong to which type of control is the station's to judge: it answers NotSupported or Rejected.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from services.ocpp_gateway.asked16 import Ask, Stamp, Whole

Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
Unit = Literal["Not_Applicable", "PctMaxW", "PctMaxVar", "PctWAvail", "PctVarAvail", "PctEffectiveV"]
ControlType = Literal[
    "EnterService", "FreqDroop", "FreqWatt", "FixedPFAbsorb", "FixedPFInject", "FixedVar", "Gradients", "HFMustTrip",
    "HFMayTrip", "HVMustTrip", "HVMomCess", "HVMayTrip", "LimitMaxDischarge", "LFMustTrip", "LVMustTrip", "LVMomCess",
    "LVMayTrip", "PowerMonitoringMustTrip", "VoltVar", "VoltWatt", "WattPF", "WattVar",
]  # fmt: skip


class Point(Ask, frozen=True):
    """A point of a curve."""

    x: Number
    y: Number


class Hysteresis(Ask, frozen=True):
    """How a curve is left and entered again."""

    hysteresis_high: Number | UnsetType = UNSET
    hysteresis_low: Number | UnsetType = UNSET
    hysteresis_delay: Number | UnsetType = UNSET
    hysteresis_gradient: Number | UnsetType = UNSET


class ReactivePower(Ask, frozen=True):
    """The voltage that a curve of reactive power is about."""

    v_ref: Number | UnsetType = UNSET
    autonomous_v_ref_enable: bool | UnsetType = UNSET
    autonomous_v_ref_time_constant: Number | UnsetType = UNSET


class Voltage(Ask, frozen=True):
    """What ends at a high mean voltage."""

    hv10_min_mean_value: Number | UnsetType = UNSET
    hv10_min_mean_trip_delay: Number | UnsetType = UNSET
    power_during_cessation: Literal["Active", "Reactive"] | UnsetType = UNSET


class Curve(Ask, frozen=True):
    """What is done at which voltage, frequency or power."""

    priority: Whole
    y_unit: Unit
    curve_data: Annotated[list[Point], Meta(min_length=1, max_length=10)]
    hysteresis: Hysteresis | UnsetType = UNSET
    reactive_power_params: ReactivePower | UnsetType = UNSET
    voltage_params: Voltage | UnsetType = UNSET
    response_time: Number | UnsetType = UNSET
    start_time: Stamp | UnsetType = UNSET
    duration: Number | UnsetType = UNSET


class EnterService(Ask, frozen=True):
    """When it may feed in again."""

    priority: Whole
    high_voltage: Number
    low_voltage: Number
    high_freq: Number
    low_freq: Number
    delay: Number | UnsetType = UNSET
    random_delay: Number | UnsetType = UNSET
    ramp_rate: Number | UnsetType = UNSET


class FixedPf(Ask, frozen=True):
    """A fixed power factor."""

    priority: Whole
    displacement: Number
    excitation: bool
    start_time: Stamp | UnsetType = UNSET
    duration: Number | UnsetType = UNSET


class FixedVar(Ask, frozen=True):
    """A fixed reactive power."""

    priority: Whole
    setpoint: Number
    unit: Unit
    start_time: Stamp | UnsetType = UNSET
    duration: Number | UnsetType = UNSET


class FreqDroop(Ask, frozen=True):
    """What power does when the frequency leaves its band."""

    priority: Whole
    over_freq: Number
    under_freq: Number
    over_droop: Number
    under_droop: Number
    response_time: Number
    start_time: Stamp | UnsetType = UNSET
    duration: Number | UnsetType = UNSET


class Gradient(Ask, frozen=True):
    """How fast power may change."""

    priority: Whole
    gradient: Number
    soft_gradient: Number


class LimitMaxDischarge(Ask, frozen=True):
    """The most that it feeds in."""

    priority: Whole
    pct_max_discharge_power: Number | UnsetType = UNSET
    power_monitoring_must_trip: Curve | UnsetType = UNSET
    start_time: Stamp | UnsetType = UNSET
    duration: Number | UnsetType = UNSET


class SetDerControl(Ask, frozen=True):
    """Set one control; `is_default` stays until it is changed, others end by their time."""

    is_default: bool
    control_id: Annotated[str, Meta(min_length=1, max_length=36)]
    control_type: ControlType
    curve: Curve | UnsetType = UNSET
    enter_service: EnterService | UnsetType = UNSET
    fixed_pf_absorb: FixedPf | UnsetType = field(default=UNSET, name="fixedPFAbsorb")
    fixed_pf_inject: FixedPf | UnsetType = field(default=UNSET, name="fixedPFInject")
    fixed_var: FixedVar | UnsetType = UNSET
    freq_droop: FreqDroop | UnsetType = UNSET
    gradient: Gradient | UnsetType = UNSET
    limit_max_discharge: LimitMaxDischarge | UnsetType = UNSET
