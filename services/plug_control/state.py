"""What is remembered of one plug, what can happen to it, and what comes out. Data only.

Times are s of the monotonic clock unless they say otherwise.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from evenload.contracts.events import Alert, LoadState, MeterReading, Setpoint, SetpointResult
from services.plug_control.core import Now as Now
from services.plug_control.core import Steer, Wish
from services.plug_control.observation import Observation
from services.plug_control.raw import RawObservation
from services.plug_control.sensor import Metered, Sensor

QUICK_TRIES = 3
"""So many commands without effect, and the plug counts as refusing."""
Answer = Literal["applied", "clamped", "refused", "unreachable"]


class Command(Struct, frozen=True):
    """Set the level, 0 = off; after `revert_s` the device goes back by itself, None = it does not."""

    level: int
    revert_s: float | None = None


class Given(Struct, frozen=True):
    """A setpoint came."""

    setpoint: Setpoint


class Looked(Struct, frozen=True):
    """The device said how it is."""

    raw: RawObservation


class Felt(Struct, frozen=True):
    """The meter of its temperature, or of what it draws, said something."""

    reading: MeterReading


class Told(Struct, frozen=True):
    """What is set by hand for it changed."""

    wish: Wish


class Switched(Struct, frozen=True):
    """The device took the command."""


class Failed(Struct, frozen=True):
    """The device did not answer a look or a command."""

    why: str


class Passed(Struct, frozen=True):
    """Nothing but time."""


Fact = Given | Looked | Felt | Told | Switched | Failed | Passed


class PlugState(Struct, frozen=True, kw_only=True):
    """Remembered of one plug."""

    started_s: float
    lease: Setpoint | None = None
    """The newest setpoint; in force until `lease_until_s`."""
    lease_until_s: float
    epoch: int = 0
    wanted: int | None = None
    """The level that it shall have; None = nobody has said yet and the start's grace runs: leave it as it is."""
    in_flight: Command | None = None
    tries: int = 0
    """Commands sent for what is wanted since the relay last agreed."""
    next_try_s: float = 0.0
    commanded: int | None = None
    """What the device last took; None = nothing, or it did not stay."""
    sent_s: float | None = None
    """When it took it."""
    reverts_at_s: float | None = None
    """When the device leaves the commanded state by itself."""
    look: Observation | None = None
    look_s: float | None = None
    looked_at: datetime | None = None
    next_look_s: float = 0.0
    agreed: bool = False
    """The relay was as wanted at the last look."""
    wish: Wish = Wish()
    """What is set by hand."""
    sensor: Sensor = Sensor()
    metered: Metered = Metered()
    memory: Any = None
    """What the core of its kind remembers."""
    steer: Steer | None = None
    """What the core of its kind says; None = a plain plug, which its setpoint alone switches."""
    failures: int = 0
    failing_since_s: float | None = None
    trouble: str = ""
    drawing_since_s: float | None = None
    """Since when it draws although off is wanted."""
    idle_since_s: float | None = None
    """Since when on is wanted and it has not drawn yet."""
    drawn_w: tuple[float, ...] = ()
    """Its last readings while it drew, W."""
    by_hand: bool = False
    answered: Answer | None = None
    """What was answered for the lease's value."""
    applied_a: float | None = None
    applied_seq: int = 0
    told: Mapping[str, bool] = {}
    """Alert kind → last told state."""
    published: LoadState | None = None
    published_s: float | None = None


class Output(Struct, frozen=True, kw_only=True):
    """What the shell does next; `next_look_s` is when it looks again if nothing else comes."""

    command: Command | None = None
    load_state: LoadState | None = None
    results: tuple[SetpointResult, ...] = ()
    alerts: tuple[Alert, ...] = ()
    next_look_s: float = 0.0
