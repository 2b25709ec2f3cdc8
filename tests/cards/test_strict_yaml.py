"""Strict YAML: nothing is guessed, and errors name file and key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from m3it_builder.cards.strict_yaml import Strict, read_card, tuples
from m3it_builder.errors import CardError


class Inner(Strict):
    title: str
    start: str = Field(default="", alias="from")


class Outer(Strict):
    name: str
    count: int = 0
    flags: tuple[bool, ...] = ()
    parts: dict[str, Inner] = {}


def read(folder: Path, text: str | bytes) -> Outer:
    path = folder / "outer.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_card(path, Outer)


def test_values(tmp_path: Path) -> None:
    text = "name: é\ncount: 2\nflags: [true, false]\nparts: {a: {title: A, from: b}}\n"
    outer = read(tmp_path, text)
    assert (outer.name, outer.count, outer.flags) == ("é", 2, (True, False))
    assert outer.parts["a"].start == "b"
    with pytest.raises(ValidationError, match="frozen"):
        outer.name = "other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 1\n", r"key 'name' is missing"),
        ("nmae: a\nname: a\n", r"unknown key 'nmae' \(did you mean 'name'\?\)"),
        (
            "name: a\nparts: {a: {titel: A}}\n",
            r"'parts\.a\.titel' \(did you mean 'parts\.a\.title'",
        ),
        (
            "name: a\nparts: {a: {title: A, form: b}}\n",
            r"'parts\.a\.form' \(did you mean 'parts\.a\.from'",
        ),
        ("name: a\nxyz: 1\n", r"unknown key 'xyz'$"),
        ("name: a\ntitle: A\n", r"unknown key 'title' \(did you mean 'parts\.<name>\.title'\?\)"),
        ("name: a\ncount: '2'\n", r"count: .*valid integer, not '2'"),
        ("name: a\ncount: 2.0\n", r"count: .*valid integer, not 2\.0"),
        ("name: no\n", r"name: .*valid string, not False"),
        ("name: 12:30\n", r"name: .*valid string, not 750"),
        ("name: a\nflags: [1]\n", r"flags\.0: .*valid boolean, not 1"),
        ("xyz: 1\ncount: x\n", r"name.*; .*count.*; .*xyz"),
        ("name: a\nname: b\n", r"not valid YAML at line 2 \(duplicate key 'name'\)"),
        ("name: a\nparts: {a: {title: A, title: B}}\n", r"line 2 \(duplicate key 'title'\)"),
        ("name: [\n", r"not valid YAML at line \d"),
        ("name: !!python/object:os.system {}\n", r"not valid YAML"),
        ("name: &a [*a]\n", r"not valid YAML|contains itself"),
        ("- a\n", r"the file: .*"),
        ("", r"the file: .*not None"),
        (b"name: caf\xe9\n", r"not UTF-8 \(.* at byte 9\)"),
    ],
)
def test_error_is_one_line_with_file_and_key(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(CardError, match=message) as error:
        read(tmp_path, text)
    assert "outer.yaml: " in str(error.value)
    assert "\n" not in str(error.value)


LAUGHS = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter + 1, letter + 1, b", ".join([b"*%c" % letter] * 9))
    for letter in range(ord("a"), ord("p"))
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, r"more than 20,000 values"),
        (
            b"parts: &a {" + b", ".join(b"k%d: {title: x}" % n for n in range(30_000)),
            "20,000 values",
        ),
        (b"name: " + b"[" * 100_000, "more than 50 levels"),
        (b"{" * 100_000, "more than 50 levels"),
        (b"- " * 100_000, "more than 50 levels"),
        (b"? " * 100_000, "more than 50 levels"),
        (b"name: x" * 200_000, "has more than 1,048,576 bytes"),
        (b"a: &a\n  b: *a\n", "a value contains itself"),
        (b"name: 2026-13-45", r"line 1 \(malformed value '2026-13-45'\)"),
        (b"name: 2026-01-01T25:00:00Z", "malformed value"),
        (b"name: 2026-01-01 00:00:00 +99:99", "malformed value"),
        (b"name: " + b"9" * 5_000, "malformed value '999"),
        (b"name: 0x" + b"f" * 5_000, "name: .*valid string, not this int"),
        (b"name: !!int ''", "malformed value ''"),
        (b"name: !!int x", "malformed value 'x'"),
        (b"name: !!float x", "malformed value 'x'"),
        (b"name: !!bool x", "malformed value 'x'"),
        (b"name: !!timestamp x", "malformed value 'x'"),
        (b"name: !!map x", "expected a mapping"),
        (b"name: !!binary x", "not valid YAML"),
        (b"name: =", "not valid YAML"),
        (b"? [a]\n: 1", "a list or mapping cannot be a key"),
        (b"? {a: 1}\n: 1", "a list or mapping cannot be a key"),
        (b"<<: 1", "not valid YAML"),
        (b"1: a", "1: Keys should be strings"),
        (b"null: a", "None: Keys should be strings"),
        (b'"a\\e[2J\\n": 1\nname: x', r"unknown key 'a\\x1b\[2J\\n'"),
        (b'name: "\\ud800"', "not valid YAML"),
        (b"name: \0", "control characters are not allowed"),
        (b"a: *b", "undefined alias"),
        (b"\n".join(b"k%d: 1" % n for n in range(5_000)), "unknown key 'k0'; .* and 4,996 more"),
    ],
    ids=lambda value: "yaml" if isinstance(value, bytes) else None,
)
@pytest.mark.timeout(20)
def test_bombs_and_malformed_scalars(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(CardError, match=message) as error:
        read(tmp_path, text)
    assert "outer.yaml: " in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 800


def test_aliases_are_allowed(tmp_path: Path) -> None:
    outer = read(tmp_path, "name: &n x\nparts: {a: &a {title: *n}, b: *a}\n")
    assert outer.parts["a"] == outer.parts["b"] == Inner(title="x")


def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "outer.yaml")
    with pytest.raises(CardError, match="not a file"):
        read_card(tmp_path / "outer.yaml", Outer)


def test_long_values_are_shortened(tmp_path: Path) -> None:
    with pytest.raises(CardError) as error:
        read(tmp_path, f"name: a\ncount: {'x' * 1_000}\n")
    assert len(str(error.value)) < 200


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"gone\.yaml: cannot be read \(No such file"):
        read_card(tmp_path / "gone.yaml", Outer)


def test_unchanged_file_is_parsed_once(tmp_path: Path) -> None:
    first = read(tmp_path, "name: a\n")
    assert read_card(tmp_path / "outer.yaml", Outer) is first
    path = tmp_path / "outer.yaml"
    path.write_text("name: b\n")
    os.utime(path, ns=(1, 1))
    assert read_card(path, Outer).name == "b"


def test_lists_become_tuples() -> None:
    assert tuples({"a": [1, [2], {"b": []}]}) == {"a": (1, (2,), {"b": ()})}
