"""Logs: one JSON line each, or readable lines on a terminal; repeating messages are thinned. Secrets are masked."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from evenload.runtime.settings import Settings

_SECRETS = re.compile(
    r"(://[^\s/@:]*):[^\s/@]+@|((?:password|passwd|secret|token|credential)\w*['\"]?\s*[=:]\s*)\S+", re.I
)
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m", "DEBUG": "\x1b[2m"}
MAX_LINE = 8_000
MAX_KEYS = 1_000


def masked(text: str) -> str:
    """Return `text` without what looks like a secret: passwords in addresses, `password=…` and the like."""
    return _SECRETS.sub(lambda found: f"{found[1]}:***@" if found[1] is not None else f"{found[2]}***", text)


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, log, text, and the trace where there is one."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "log": record.name,
            "text": masked(record.getMessage())[:MAX_LINE],
        }
        if record.exc_info is not None:
            line["trace"] = masked(self.formatException(record.exc_info))[-MAX_LINE:]
        return json.dumps(line, ensure_ascii=False)


class Readable(logging.Formatter):
    """Local time, service, level where it matters, text; with colour on a terminal."""

    def __init__(self, service: str, colours: dict[str, str]) -> None:
        super().__init__()
        self._service, self._colours = service, colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the trace below it where there is one."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        level = "" if record.levelname == "INFO" else f"{record.levelname.lower()}: "
        text = f"{at} {self._service:<14} {level}{masked(record.getMessage())[:MAX_LINE]}"
        if record.exc_info is not None:
            text += "\n" + masked(self.formatException(record.exc_info))[-MAX_LINE:]
        colour = self._colours.get(record.levelname)
        return f"{colour}{text}\x1b[0m" if colour else text


def set_up(service: str, settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (stderr), in the style of the settings."""
    stream = stream or sys.stderr
    terminal = stream.isatty()
    json_lines = settings.log == "json" or (settings.log == "auto" and not terminal)
    formatter = JsonLines(service) if json_lines else Readable(service, _COLOURS if terminal else {})
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for noisy in ("nats", "aiohttp.access", "websockets", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))


class Repeats(msgspec.Struct, frozen=True):
    """When each repeating message was last logged, and how often it was held back since."""

    logged: dict[str, tuple[float, int]] = {}


def thin(repeats: Repeats, key: str, now_s: float, every_s: float = 60.0) -> tuple[Repeats, int | None]:
    """Return the next memory, and how many of `key` were held back when it is due now, None when it is held back. Pure.

    At most `MAX_KEYS` keys are remembered; the one logged longest ago is forgotten first.
    """
    last = repeats.logged.get(key)
    others = {name: seen for name, seen in repeats.logged.items() if name != key}
    if last is not None and now_s - last[0] < every_s:
        return Repeats(others | {key: (last[0], last[1] + 1)}), None
    kept = dict([*others.items(), (key, (now_s, 0))][-MAX_KEYS:])
    return Repeats(kept), 0 if last is None else last[1]
