"""The diagram in docs/ocpp.md is the table of the session's states."""

import os
import re
from pathlib import Path
from typing import get_args

from services.ocpp_gateway.session_states import CAUSE, MEANING, TABLE, Happened, SessionState, diagram

PAPER = Path(__file__).parents[2] / "docs" / "ocpp.md"
BETWEEN = re.compile(r"(?<=```mermaid\n)stateDiagram.*?(?=\n```)", re.DOTALL)


def test_the_diagram_is_current() -> None:
    text = PAPER.read_text(encoding="utf-8")
    made = BETWEEN.sub(lambda _: diagram(), text)
    if os.environ.get("EVENLOAD_ACCEPT"):
        PAPER.write_text(made, encoding="utf-8")
        text = made
    assert diagram() in text, f"{PAPER} is not current; run make golden"


def test_no_text_ends_a_line_of_the_diagram_early() -> None:
    assert not [text for text in (*MEANING.values(), *CAUSE.values()) if {";", ":", "{"} & set(text)]


def test_every_state_is_reached_left_and_explained() -> None:
    states = set(get_args(SessionState))
    assert {state for state, _ in TABLE} == set(TABLE.values()) == set(MEANING) == states
    assert {what for _, what in TABLE} == set(CAUSE) == set(get_args(Happened))


def test_every_state_with_a_connection_ends_with_it() -> None:
    assert all(TABLE[state, "closes"] == "absent" for state in MEANING if state != "absent")
