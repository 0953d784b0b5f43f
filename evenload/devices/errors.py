"""What can go wrong with a device, told so that a person can act on it."""

from typing import Literal

Trouble = Literal["silent", "garbage", "refused"]
"""silent: no answer in time; garbage: an answer that is not what the device should say; refused: it said no."""


class DeviceError(Exception):
    """A device did not do its part; the shell tries again, bounded, and tells as an alert."""

    def __init__(self, trouble: Trouble, where: str, why: str, remedy: str = "") -> None:
        self.trouble: Trouble = trouble
        self.where, self.why, self.remedy = where, why, remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.why}" + (f"; {self.remedy}" if self.remedy else "")
