"""The library of odd stations: one named behaviour each, as they are met in the field (ocpp.md section 5).

Usable wherever a simulated station is: tests, the demo, `python -m evenload.simulation.station --fault NAME`.
"""

import re
from typing import Final

from evenload.simulation import station_fault_deeds as deeds
from evenload.simulation import station_fault_limits as limits
from evenload.simulation import station_fault_links as links
from evenload.simulation import station_fault_messages as messages
from evenload.simulation import station_switching as switching
from evenload.simulation.station_core import Station
from evenload.simulation.station_fault_limits import Odd

KINDS: Final[tuple[type[Odd], ...]] = (
    limits.WattsOnly, limits.WattsOnlyUnsaid, limits.AmpsOnly, limits.OddUnitWord, limits.OnlyDefaultProfile,
    limits.OnlyMaxProfile, limits.MaxProfileIgnored, limits.TxProfileIgnored, limits.StackLevelZeroOnly,
    limits.RejectsStackLevel, limits.ClockDrift, deeds.ForeignTxProfileZero,
    limits.StrictNumbers, limits.FewSlots, deeds.ZeroRejected, deeds.ZeroRejectedNoStop, deeds.ZeroEndsSession,
    deeds.IgnoresFirstAfterPause, deeds.AcceptsAndIgnores, deeds.IgnoresUntilReset, deeds.ForeignTxProfile,
    deeds.StuckAtZero, deeds.ClearDoesNothing, deeds.LoadBalancerOff, limits.ClockAhead, limits.ClockBehind,
    limits.AbsoluteUnanswered, limits.CoarseSteps, limits.OnePeriodOnly, limits.OnePeriodDefaultOnly,
    limits.SmartChargingUnlisted, limits.CapsBelow, limits.SlightlyMore, deeds.ForgetsAtReset,
    messages.PhaseNamesWithN, messages.CurrentUnderN, messages.OneCurrentForAll, messages.PowerOnly,
    messages.PhaseInMeasurand, messages.UnitsMissing, messages.KiloAndMilli, messages.OddUnits, messages.OddNumbers,
    messages.MeterValuesAsObject, messages.OddErrorCode, messages.TimesWithoutZone, messages.StatusFrom1970,
    messages.OldSamplesAmongNew, messages.MeasurandsRefused, messages.ValuesOnTriggerOnly, messages.SlowSamples,
    messages.RegisterRestarts, messages.NoBootOnReconnect, messages.NoTriggers, messages.NoConfiguration,
    messages.OfflineIdInStop, messages.StatusInsteadOfStop, messages.NeedsRemoteStart, links.HexPassword,
    links.NoSubprotocol, links.OddPath, links.PingsUnanswered, links.DeafAfterAWhile, links.WrongAnswerIds,
    links.RepeatsStops, links.RunsAlready, switching.SwitchesPhases, switching.IgnoresPhases, switching.RefusesPhases,
    switching.StuckOnOneLine,
)  # fmt: skip


def name_of(kind: type[Station]) -> str:
    """Return the fault's name: `WattsOnly` is `watts_only`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower()


FAULTS: Final[dict[str, type[Odd]]] = {name_of(kind): kind for kind in KINDS}
"""Name → station with that fault; its docstring says what it does, `rows` where it was seen."""
