"""What every section of the site file is, and its number types with their bounds."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

PositiveAmps = Annotated[float, Meta(gt=0, le=10_000)]
NonNegativeAmps = Annotated[float, Meta(ge=0, le=10_000)]
PeriodSeconds = Annotated[float, Meta(ge=0.1, le=3600)]
PositiveWatts = Annotated[float, Meta(gt=0, le=10_000_000)]
NonNegativeWatts = Annotated[float, Meta(ge=0, le=10_000_000)]
SitePercent = Annotated[float, Meta(ge=0, le=100)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the site file; unknown keys are faults."""


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
