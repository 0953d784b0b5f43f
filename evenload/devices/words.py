"""What devices say on MQTT: documents, plain texts, and the many words for being there. Pure."""

from typing import Any

import msgspec

ONLINE_WORDS = frozenset({"online", "on", "true", "1", "connected", "ready", "alive"})


def is_online(payload: bytes) -> bool:
    """Tell whether an availability payload (`online`, `Online`, `1`, `{"state": "online"}` …) says that it is there."""
    said = document_of(payload)
    if isinstance(said, dict):
        said = said.get("state", said.get("status"))
    return str(said).strip().lower() in ONLINE_WORDS


def document_of(payload: bytes) -> Any:
    """Return the payload as JSON, or as text where it is none."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode(errors="replace")
