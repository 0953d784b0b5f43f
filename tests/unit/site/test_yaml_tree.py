"""The reader is bounded, and refuses what YAML could smuggle in."""

import pytest

from evenload.site import yaml_tree
from evenload.site.yaml_tree import Mapping, Scalar, TreeError, read_documents, read_tree, tree_of
from tests.unit.site.builders import load


def bomb(levels: int) -> str:
    rows = ["x-0: &b0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    rows += [f"x-{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        (bomb(9), "once all aliases are written out"),
        ("[" * 10_000, "nested deeper"),
        ("a:\n" + "".join(" " * n + f"k{n}:\n" for n in range(1, 200)), "nested deeper"),
        ("a: &a [*a]", "is not defined above"),
        ("? {a: 1}\n: 2", "a list or mapping stands where a key belongs"),
        ("<<: 3", "no mapping"),
        ("a: \x00", "a character that YAML does not allow"),
        ("a: \ud800", "a character that YAML does not allow"),
        ("a: !!binary aGVsbG8=", "the tag"),
        ("%YAML 3.0\n---\na: 1", ""),
        ("# " + "x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_refused(text: str, words: str) -> None:
    loaded = load(text)
    assert loaded.site is None
    assert words in str(loaded.findings[0])


def test_lines_of_keys_and_items() -> None:
    tree, _ = read_tree("a:\n  - x\n  - y\nb: {c: 1}\n")
    assert isinstance(tree, Mapping)
    items = tree.get("a")
    assert isinstance(items, yaml_tree.Sequence)
    assert [item.line for item in items.items] == [2, 3]
    assert [entry.line for entry in tree.entries] == [1, 4]


def test_several_documents_for_those_who_want_them() -> None:
    found = read_documents("a: 1\n---\nb: 2\n---\nc: 3")
    assert [tree.line for tree, _ in found] == [1, 3, 5]
    assert len(read_documents("a: 1\n---\nb: 2\n---\nc: 3", most=2)) == 2


def test_own_keys_win_over_merged_ones_wherever_they_stand() -> None:
    tree, duplicates = read_tree("base: &b {k: 1, l: 2}\nuse: {k: 9, <<: *b}\n")
    assert isinstance(tree, Mapping)
    use = tree.get("use")
    assert isinstance(use, Mapping)
    assert [(entry.key, entry.value.text) for entry in use.entries if isinstance(entry.value, Scalar)] == [
        ("k", "9"),
        ("l", "2"),
    ]
    assert duplicates == ()


def test_python_values_are_bounded_too() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TreeError, match="nested deeper"):
        tree_of(endless)
    wide: object = 1
    for _ in range(9):
        wide = [wide] * 9
    with pytest.raises(TreeError, match="more than"):
        tree_of(wide)
    assert tree_of(10**5000) == Scalar("1e999", False, 0)
