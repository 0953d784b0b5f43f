"""What one written value means, and the remedy when it means something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenload.site import scalars
from evenload.site.yaml_tree import Scalar


def plain(text: str) -> Scalar:
    return Scalar(text, False, 1)


@pytest.mark.parametrize(
    ("key", "text", "remedy"),
    [
        ("max_a", "16A", "write 16, the unit A is in the key"),
        ("max_a", "16 amps", "write 16, the unit A is in the key"),
        ("max_a", "500 mA", "write 0.5, the unit A is in the key"),
        ("max_a", "11 kW", "give it in A as a plain number, without kW"),
        ("power_w", "2 kW", "write 2000, the unit W is in the key"),
        ("power_w", "2,5kW", "write 2500, the unit W is in the key"),
        ("power_w", "17,250", "write a plain number in W"),
        ("power_w", "1_000", "write 1000"),
        ("grace_s", "5 min", "write 300, the unit s is in the key"),
        ("soc_min_pct", "20%", "write 20, the unit % is in the key"),
        ("scale", "3x", "write 3"),
        ("max_a", "much", "write a plain number in A"),
        ("max_a", "", "write a plain number in A"),
        ("max_a", "yes", "write a number, not a yes or no"),
        ("max_a", "-.inf", "give a finite number"),
    ],
)
def test_remedy_shows_the_plain_number(key: str, text: str, remedy: str) -> None:
    value, wrong = scalars.number(plain(text), key)
    assert value is None
    assert wrong is not None
    assert wrong.remedy == remedy


@pytest.mark.parametrize(("text", "value"), [("16", 16), ("0.5", 0.5), (".5", 0.5), ("+3.", 3), ("1e3", 1000)])
def test_numbers(text: str, value: float) -> None:
    assert scalars.number(plain(text), "max_a") == (value, None)


@given(st.text(max_size=50))
def test_whatever_is_written_gives_a_value_or_a_remedy(text: str) -> None:
    for reader in (scalars.number, scalars.whole_number):
        value, wrong = reader(plain(text), "max_a")
        assert (value is None) != (wrong is None)
    assert scalars.shown(text).isprintable()


def test_nearest_word_or_the_list() -> None:
    assert scalars.one_of("GRID", ["grid", "solar"]) == "did you mean grid?"
    assert scalars.one_of("zzz", ["b", "a"]) == "give one of: a, b"
    assert scalars.one_of("zzz", []) == "remove it"
