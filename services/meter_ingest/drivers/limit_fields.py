"""What a feed of limits says, out of any JSON document, by the paths that the site file names."""

from typing import Any

from evenload.devices.errors import DeviceError
from evenload.devices.json_path import find, is_there, steps
from evenload.site.limit_drivers import HttpJsonLimit, MqttLimit
from services.meter_ingest.limit_feed import Said

Path = tuple[str | int, ...]


class LimitReader:
    """The paths of a feed, taken apart once; raises `DeviceError` naming one that cannot be read."""

    def __init__(self, options: MqttLimit | HttpJsonLimit) -> None:
        self._value = _path("value", options.value)
        self._active = None if options.active is None else _path("active", options.active)
        self._beat = None if options.beat is None else _path("beat", options.beat)

    def said(self, document: Any, *, alive: bool = True) -> Said:
        """Return what `document` says."""
        return Said(
            missing=not is_there(document, self._value),
            value=find(document, self._value),
            active=True if self._active is None else find(document, self._active),
            beat=None if self._beat is None else find(document, self._beat),
            beats=self._beat is not None,
            alive=alive,
        )


def _path(key: str, text: str) -> Path:
    try:
        return steps(text)
    except ValueError as fault:
        raise DeviceError("refused", key, str(fault), "correct the site file") from fault
