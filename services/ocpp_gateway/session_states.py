"""The life of a station's session as a table: what we may call it for depends on how far it has come. Pure.

    (state, what happened) → next state; what is not in the table changes nothing

After connecting we are silent until the boot was answered; a station that does not boot is asked to after 5 s and used
as it is after 10 s (ocpp.md section 5, rows 51 and 52). `diagram` draws the table for docs/ocpp.md.
"""

from typing import Final, Literal

SessionState = Literal["absent", "silent", "asked", "booted", "reading", "serving"]
Happened = Literal["connects", "boots", "is_quiet", "will_not_boot", "waited", "opens", "told", "is_deaf", "closes"]

MEANING: Final[dict[SessionState, str]] = {
    "absent": "no connection, its profiles run on and end by themselves",
    "silent": "we answer and do not call",
    "asked": "it was asked to boot",
    "booted": "its boot was answered, what it knew is taken as gone",
    "reading": "its configuration is read",
    "serving": "profiles go out, what differs in its configuration is changed",
}
CAUSE: Final[dict[Happened, str]] = {
    "connects": "the handshake is accepted",
    "boots": "BootNotification",
    "is_quiet": "5 s without a boot",
    "will_not_boot": "it refuses to boot",
    "waited": "10 s without a boot",
    "opens": "at once",
    "told": "its configuration, or that it has none",
    "is_deaf": "4 calls in a row without an answer",
    "closes": "the socket closed",
}
TABLE: Final[dict[tuple[SessionState, Happened], SessionState]] = {
    ("absent", "connects"): "silent",
    ("silent", "boots"): "booted",
    ("silent", "is_quiet"): "asked",
    ("silent", "waited"): "reading",
    ("asked", "boots"): "booted",
    ("asked", "will_not_boot"): "reading",
    ("asked", "waited"): "reading",
    ("booted", "opens"): "reading",
    ("reading", "boots"): "booted",
    ("reading", "told"): "serving",
    ("serving", "boots"): "booted",
    ("silent", "closes"): "absent",
    ("asked", "closes"): "absent",
    ("booted", "closes"): "absent",
    ("reading", "is_deaf"): "absent",
    ("reading", "closes"): "absent",
    ("serving", "is_deaf"): "absent",
    ("serving", "closes"): "absent",
}
OPEN: Final[frozenset[SessionState]] = frozenset({"reading", "serving"})
"""We may call the station."""
KNOWN: Final[frozenset[SessionState]] = frozenset({"booted", "reading", "serving"})
"""Its frames may be large."""


def after(state: SessionState, happened: Happened) -> SessionState:
    """Return the next state."""
    return TABLE.get((state, happened), state)


def diagram() -> str:
    """Return the table as a Mermaid state diagram, with what each state means."""
    lines = ["stateDiagram-v2", "    [*] --> absent"]
    lines += [f"    {state}: {state} – {meaning}" for state, meaning in MEANING.items()]
    lines += [f"    {state} --> {following}: {CAUSE[what]}" for (state, what), following in TABLE.items()]
    return "\n".join(lines)
