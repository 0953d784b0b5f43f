"""Stations that spell their messages, or order them, in their own way; each class is one behaviour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from evenload.simulation.station_core import Json, stamp
from evenload.simulation.station_fault_limits import Odd, Rows


def _samples(message: Json) -> list[Json]:
    found: list[Json] = message["meterValue"][0]["sampledValue"]
    return found


@dataclass
class OddSamples(Odd):
    """Spells each sample in its own way; `spell` returns None to leave one out."""

    def spell(self, sample: Json) -> Json | None:
        """Return the sample as it sends it."""
        return sample

    def meter_values(self, now: datetime) -> Json:
        """Return MeterValues.req in its own spelling."""
        message = super().meter_values(now)
        spelled = [self.spell(dict(sample)) for sample in _samples(message)]
        message["meterValue"][0]["sampledValue"] = [sample for sample in spelled if sample is not None]
        return message


@dataclass
class PhaseNamesWithN(OddSamples):
    """Calls the phases of currents L1-N and of voltages L1."""

    rows: ClassVar[Rows] = (32,)

    def spell(self, sample: Json) -> Json | None:
        """Swap the names."""
        if "phase" in sample:
            name = sample["phase"]
            sample["phase"] = name[:2] if name.endswith("-N") else f"{name}-N"
        return sample


@dataclass
class CurrentUnderN(OddSamples):
    """Tells the current of its one phase under N."""

    rows: ClassVar[Rows] = (33,)
    lines: int = 1

    def spell(self, sample: Json) -> Json | None:
        """Name the line N, leave the others out."""
        if sample["measurand"] != "Current.Import":
            return sample
        return {**sample, "phase": "N"} if sample["phase"] == "L1" else None


@dataclass
class OneCurrentForAll(OddSamples):
    """Tells one current without a phase, though three are used."""

    rows: ClassVar[Rows] = (34,)

    def spell(self, sample: Json) -> Json | None:
        """Leave the phase out, and the other lines."""
        if sample["measurand"] != "Current.Import":
            return sample
        return {key: value for key, value in sample.items() if key != "phase"} if sample["phase"] == "L1" else None


@dataclass
class PowerOnly(OddSamples):
    """Tells power and energy, no current."""

    rows: ClassVar[Rows] = (35, 46)

    def spell(self, sample: Json) -> Json | None:
        """Leave currents out."""
        return None if sample["measurand"].startswith("Current") else sample


@dataclass
class PhaseInMeasurand(OddSamples):
    """Writes the phase behind the measurand."""

    rows: ClassVar[Rows] = (36,)

    def spell(self, sample: Json) -> Json | None:
        """Move the phase."""
        phase = sample.pop("phase", None)
        return sample if phase is None else {**sample, "measurand": f"{sample['measurand']}.{phase[:2]}"}


@dataclass
class UnitsMissing(OddSamples):
    """Leaves units out."""

    rows: ClassVar[Rows] = (37,)

    def spell(self, sample: Json) -> Json | None:
        """Leave the unit out."""
        return {key: value for key, value in sample.items() if key != "unit"}


@dataclass
class KiloAndMilli(OddSamples):
    """Tells kW, kWh and mA."""

    rows: ClassVar[Rows] = (38,)

    def spell(self, sample: Json) -> Json | None:
        """Scale."""
        unit = sample["unit"]
        if unit in ("W", "Wh"):
            return {**sample, "unit": f"k{unit}", "value": f"{float(sample['value']) / 1000:.3f}"}
        return {**sample, "unit": "mA", "value": f"{float(sample['value']) * 1000:.0f}"} if unit == "A" else sample


@dataclass
class OddUnits(OddSamples):
    """Adds measurands with units outside the schema."""

    rows: ClassVar[Rows] = (39,)

    def meter_values(self, now: datetime) -> Json:
        """Add a frequency and two temperatures."""
        message = super().meter_values(now)
        _samples(message).extend(
            {"value": "50", "measurand": name, "unit": unit}
            for name, unit in (("Frequency", "Hz"), ("Temperature", "Celcius"), ("SoC", "Percent%"))
        )
        return message


@dataclass
class OddNumbers(OddSamples):
    """Sends numbers as numbers or with spaces, and empty texts among them."""

    rows: ClassVar[Rows] = (40,)

    def spell(self, sample: Json) -> Json | None:
        """Put a space before, or make a number of it, or leave it empty."""
        if sample["measurand"] == "Voltage":
            return {**sample, "value": ""}
        is_current = sample["measurand"] == "Current.Import"
        return {**sample, "value": f" {sample['value']}" if is_current else float(sample["value"])}


@dataclass
class MeterValuesAsObject(Odd):
    """Sends one object where a list belongs, and after it an empty list."""

    rows: ClassVar[Rows] = (41,)

    def meter_values(self, now: datetime) -> Json:
        """Return one object."""
        message = super().meter_values(now)
        return {**message, "meterValue": message["meterValue"][0]}


@dataclass
class OddErrorCode(Odd):
    """Tells an error code outside the list, and its status in small letters."""

    rows: ClassVar[Rows] = (42,)

    def status_notification(self, now: datetime) -> Json:
        """Return the status with odd words."""
        message = super().status_notification(now)
        return {**message, "errorCode": "Error", "status": message["status"].lower()}


@dataclass
class TimesWithoutZone(Odd):
    """Stamps without an offset."""

    rows: ClassVar[Rows] = (43,)

    def meter_values(self, now: datetime) -> Json:
        """Return values with a bare time."""
        message = super().meter_values(now)
        message["meterValue"][0]["timestamp"] = stamp(now).removesuffix("Z")
        return message


@dataclass
class StatusFrom1970(Odd):
    """Stamps its states with 1970."""

    rows: ClassVar[Rows] = (43,)

    def status_notification(self, now: datetime) -> Json:
        """Return an old stamp."""
        return {**super().status_notification(now), "timestamp": "1970-01-01T00:00:00Z"}


@dataclass
class OldSamplesAmongNew(Odd):
    """Sends an old group of samples behind the new one."""

    rows: ClassVar[Rows] = (44,)

    def meter_values(self, now: datetime) -> Json:
        """Return new samples first, then old ones at full current."""
        message = super().meter_values(now)
        then = stamp(now - timedelta(minutes=10))
        old = {"value": "32.0", "measurand": "Current.Import", "unit": "A", "phase": "L1"}
        message["meterValue"].append({"timestamp": then, "sampledValue": [old]})
        return message


@dataclass
class MeasurandsRefused(Odd):
    """Refuses a list of measurands with an unknown one in it."""

    rows: ClassVar[Rows] = (46,)

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Reject lists with Current.Offered or Voltage."""
        listed = str(payload.get("value", "")) if payload.get("key") == "MeterValuesSampledData" else ""
        if action == "ChangeConfiguration" and ("Offered" in listed or "Voltage" in listed):
            return {"status": "Rejected"}
        return super().answer(action, payload, now)


@dataclass
class ValuesOnTriggerOnly(Odd):
    """Sends meter values only when asked."""

    rows: ClassVar[Rows] = (47,)

    def sample_interval_s(self) -> float:
        """Send none by itself."""
        return 0.0


@dataclass
class SlowSamples(Odd):
    """Sends meter values each 60 s; the interval is read-only."""

    rows: ClassVar[Rows] = (48,)

    def sample_interval_s(self) -> float:
        """Keep to its own interval."""
        return 60.0


@dataclass
class RegisterRestarts(Odd):
    """Its energy register begins anew with each transaction."""

    rows: ClassVar[Rows] = (50,)

    def start_transaction(self, now: datetime) -> Json:
        """Begin at zero."""
        self.energy_wh = 0.0
        return super().start_transaction(now)


@dataclass
class NoBootOnReconnect(Odd):
    """Sends no BootNotification."""

    rows: ClassVar[Rows] = (51, 53)
    boots = False

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Refuse to boot when asked."""
        if action == "TriggerMessage" and payload.get("requestedMessage") == "BootNotification":
            return {"status": "Rejected"}
        return super().answer(action, payload, now)


@dataclass
class NoTriggers(Odd):
    """Knows no TriggerMessage."""

    rows: ClassVar[Rows] = (53, 54)

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Know no such call."""
        return None if action == "TriggerMessage" else super().answer(action, payload, now)


@dataclass
class NoConfiguration(Odd):
    """Knows neither GetConfiguration nor ChangeConfiguration."""

    rows: ClassVar[Rows] = (31, 54)

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Know no such calls."""
        return None if action in ("GetConfiguration", "ChangeConfiguration") else super().answer(action, payload, now)


@dataclass
class OfflineIdInStop(Odd):
    """Stops with transaction id -1, as if it had begun offline."""

    rows: ClassVar[Rows] = (67,)

    def stop_transaction(self, now: datetime, reason: str) -> Json:
        """Return the stop with -1."""
        return {**super().stop_transaction(now, reason), "transactionId": -1}


@dataclass
class StatusInsteadOfStop(Odd):
    """Says Available and sends no StopTransaction."""

    rows: ClassVar[Rows] = (70,)

    def stops(self, now: datetime) -> str | None:
        """Forget the transaction without a word."""
        if super().stops(now) is not None:
            super().stop_transaction(now, "Local")
        return None


@dataclass
class NeedsRemoteStart(Odd):
    """Waits for RemoteStartTransaction after plugging in."""

    rows: ClassVar[Rows] = (72,)
    entry: ClassVar[Json] = {"overrides": {"remote_start": True}}

    def starts(self) -> bool:
        """Start when told."""
        return self.told_to_start and super().starts()
