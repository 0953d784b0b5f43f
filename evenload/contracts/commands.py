"""Commands that change a running site, their answers, and calls to one station.

A command is an override kept beside the site file: it survives restarts, is shown as "by hand", ends at `until`
(None: until the load's schedule next changes that value, without one until cleared) and ends when the file changes
that value.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from evenload.contracts.events import AskedMode, Distribution
from evenload.contracts.plans import Need
from evenload.contracts.schedules import ScheduleWindow
from evenload.contracts.units import Celsius, Name, Utc


class Command(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """What every command carries."""

    site: Annotated[Name, Meta(description="site to change")]
    by: Annotated[str, Meta(description="who asks, for the record")] = ""
    until: Annotated[
        Utc | None,
        Meta(description="when it ends by itself, UTC; None = when its schedule next changes that value, or cleared"),
    ] = None
    keeps: Annotated[bool, Meta(description="without `until`: hold over changes of the schedule, until cleared")] = (
        False
    )


class SetMode(Command, frozen=True, kw_only=True):
    """Change a load's mode."""

    load: Name
    mode: AskedMode


class SetPriority(Command, frozen=True, kw_only=True):
    """Change a load's priority; lowest first."""

    load: Name
    priority: Annotated[int, Meta(ge=0, le=1_000_000)]


class SetLimit(Command, frozen=True, kw_only=True):
    """Lower a load's maximum; never above the site file's."""

    load: Name
    max_a: Annotated[float, Meta(ge=0, le=10_000, description="A per line")]


class SetTarget(Command, frozen=True, kw_only=True):
    """Change the temperature that a tank or a room is brought to; never above the site file's `max_c`."""

    load: Name
    target_c: Annotated[Celsius, Meta(description="°C")]


class SetDistribution(Command, frozen=True, kw_only=True):
    """Change how the site's current is distributed."""

    distribution: Distribution


class SetSchedule(Command, frozen=True, kw_only=True):
    """Replace a load's weekly windows by others; none = no schedule."""

    load: Name
    windows: tuple[ScheduleWindow, ...] = ()


class SetPlan(Command, frozen=True, kw_only=True):
    """Replace a load's needs by others; none = no plan. What is asked for once ends with its deadline."""

    load: Name
    needs: tuple[Need, ...] = ()


class ClearPlan(Command, frozen=True, kw_only=True):
    """Return to the site file's plans of a load."""

    load: Name


class ClearOverride(Command, frozen=True, kw_only=True):
    """Return to the site file: one load's overrides, or the site's own when `load` is None."""

    load: Name | None = None


SiteCommand = (
    SetMode | SetPriority | SetLimit | SetTarget | SetDistribution | SetSchedule | SetPlan | ClearPlan | ClearOverride
)


class CommandAccepted(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """The command is in force."""

    text: Annotated[str, Meta(description="what is in force now, and until when")]


class CommandRejected(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """The command was not carried out."""

    why: str
    remedy: str = ""


CommandReply = CommandAccepted | CommandRejected


class StationCall(Struct, frozen=True, kw_only=True):
    """One OCPP call to send to a station."""

    action: Annotated[str, Meta(description="OCPP action of 1.6, or of the station's version, as Reset")]
    payload: Annotated[dict[str, Any], Meta(description="its payload, camelCase")] = {}
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10.0


class StationCallReply(Struct, frozen=True, kw_only=True):
    """What the station answered."""

    ok: bool
    payload: dict[str, Any] = {}
    error: Annotated[str, Meta(description="OCPP error code, or why it could not be sent; empty when ok")] = ""
