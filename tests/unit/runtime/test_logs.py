"""Log lines: what they look like, what they never hold, how often they repeat."""

import io
import json
import logging

import pytest

from evenload.runtime.logs import MAX_KEYS, JsonLines, Readable, Repeats, masked, set_up, thin
from evenload.runtime.settings import Settings


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("evenload.x", level, __file__, 1, text, None, None)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("nats://me:hunter2@10.0.0.1:4222", "nats://me:***@10.0.0.1:4222"),
        ("mqtt://:hunter2@broker", "mqtt://:***@broker"),
        ("nats://10.0.0.1:4222", "nats://10.0.0.1:4222"),
        ("password=hunter2 more", "password=*** more"),
        ("{'password': 'hunter2'}", "{'password': ***"),
        ("token: abc", "token: ***"),
        ("8.0 A (circuit garage L2)", "8.0 A (circuit garage L2)"),
    ],
)
def test_secrets_are_masked(said: str, shown: str) -> None:
    assert masked(said) == shown


def test_a_json_line_is_one_line_with_level_service_and_text() -> None:
    line = JsonLines("gateway").format(record("two\nlines", logging.WARNING))
    found = json.loads(line)
    assert "\n" not in line
    assert (found["level"], found["service"], found["log"], found["text"]) == (
        "warning",
        "gateway",
        "evenload.x",
        "two\nlines",
    )
    assert found["at"].endswith("+00:00")


def test_a_readable_line_names_the_service_and_the_level_where_it_matters() -> None:
    readable = Readable("gateway", {})
    assert readable.format(record("ready")).endswith("gateway        ready")
    assert readable.format(record("odd", logging.WARNING)).endswith("warning: odd")


def test_auto_writes_json_where_no_terminal_is() -> None:
    stream = io.StringIO()
    set_up("gateway", Settings(log="auto"), stream)
    logging.getLogger("evenload.test").info("hello")
    logging.getLogger().handlers.clear()
    assert json.loads(stream.getvalue())["text"] == "hello"


def test_repeats_are_held_back_and_counted() -> None:
    repeats, held = Repeats(), []
    for now_s in (0.0, 1.0, 30.0, 61.0, 62.0):
        repeats, count = thin(repeats, "same", now_s)
        held.append(count)
    assert held == [0, None, None, 2, None]


def test_other_messages_are_not_held_back_and_memory_is_bounded() -> None:
    repeats = Repeats()
    for number in range(MAX_KEYS + 50):
        repeats, held = thin(repeats, f"key {number}", 1.0)
        assert held == 0
    assert len(repeats.logged) == MAX_KEYS
