"""Paths into JSON documents, availability words, and waits."""

import re

import pytest

from evenload.devices.backoff import Backoff
from evenload.devices.json_path import find, steps
from evenload.devices.mqtt import BrokerAddress, broker_address
from evenload.devices.words import is_online
from evenload.site.driver_keys import PATH_PATTERN
from evenload.site.findings import faults
from evenload.site.load import load_text

DOCUMENT = {"a": {"b": [{"c": 1.5}, {"c": 2}]}, "x.y": 3, "s": "text"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b[0].c", 1.5),
        ("a.b[1].c", 2),
        ('["x.y"]', 3),
        ("s", "text"),
        ("", DOCUMENT),
        ("a.q", None),
        ("a.b[7]", None),
    ],
)
def test_a_path_finds_its_value(path: str, value: object) -> None:
    assert find(DOCUMENT, steps(path)) == value


def test_a_lone_value_is_the_first_of_a_list() -> None:
    assert find({"power": 8.15}, steps("power[0]")) == 8.15
    assert find({"power": 8.15}, steps("power[1]")) is None


@pytest.mark.parametrize("document", [None, 5, "x", [], [1], True])
def test_any_document_is_safe_to_look_into(document: object) -> None:
    assert find(document, steps("a.b[0].c")) is None


@pytest.mark.parametrize("path", ["a..b", "a.", "[x]", "a[", ".", "a.[", "a[99999]"])
def test_a_path_that_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        steps(path)


@pytest.mark.parametrize("path", ["a.b[0].c", '["x.y"]', "", "a[1]", "a.b", 'a["b.c"][2].d', "a b.c-d"])
def test_what_the_site_file_takes_can_be_read(path: str) -> None:
    assert re.match(PATH_PATTERN, path)
    steps(path)


@pytest.mark.parametrize("path", ["a..b", "a.", "[x]", "a[", ".", "a.[", "a[99999]", "a[0]b", "a" * 5_000 + "["])
def test_a_path_that_cannot_be_read_is_a_fault_of_the_site_file(path: str) -> None:
    assert not re.match(PATH_PATTERN, path)
    text = f"site: home\nmeters:\n  pv: {{role: solar, driver: mqtt, topic: t, fields: {{power_w: '{path}'}}}}\n"
    places = [fault.path for fault in faults(load_text(text, "site.yaml").findings)]
    assert "meters.pv.fields.power_w" in places, places


@pytest.mark.parametrize("said", [b"online", b"Online", b"1", b"true", b'{"state": "online"}', b'"online"'])
def test_online_has_many_words(said: bytes) -> None:
    assert is_online(said)


@pytest.mark.parametrize("said", [b"offline", b"", b"0", b"{}", b"[]", b"\xff", b"null"])
def test_everything_else_is_offline(said: bytes) -> None:
    assert not is_online(said)


def test_waits_double_up_to_the_longest() -> None:
    assert [Backoff(1.0, 5.0).wait_s(failures) for failures in (0, 1, 2, 3, 4, 1000)] == [0, 1, 2, 4, 5, 5]


def test_a_broker_has_its_port_by_its_scheme() -> None:
    assert broker_address("mqtt://host", None, None) == BrokerAddress(host="host", port=1883)
    assert broker_address("mqtts://host", None, None) == BrokerAddress(host="host", port=8883, tls=True)
    with pytest.raises(ValueError, match="expected mqtt"):
        broker_address("http://host", None, None)
