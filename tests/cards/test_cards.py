"""Task cards and source cards: defaults, variants, options, consistency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import (
    Option,
    SourceCard,
    TaskCard,
    load_source_card,
    load_task_card,
)
from m3it_builder.errors import CardError

TASK: dict[str, Any] = {
    "name": "my-task",
    "title": "My task",
    "group": "vqa",
    "lang": "en",
    "homepage": "https://example.org",
    "citation": "A et al. 2020",
    "license": "CC0-1.0",
    "image_license": "CC0-1.0",
    "sources": {"texts": "all", "train-images": ["train"], "test-images": ["validation", "test"]},
    "optional_sources": {"extra": ["train"]},
    "splits": {"train": {"rows": 10}, "test": {"rows": 0, "answers": "withheld"}},
    "options": {"size": {"default": 3, "help": "number of options", "min": 2, "max": 9}},
    "variants": {
        "my-variant": {
            "options": {"size": 4},
            "title": "My variant",
            "splits": {"train": {"rows": 7}},
            "images": {"min": 2, "max": 2},
            "render": {"answer": "both"},
        }
    },
}
SOURCE: dict[str, Any] = {
    "name": "my-source",
    "title": "My source",
    "license": "CC0-1.0",
    "files": [{"file": "a.zip", "url": "https://example.org/a.zip"}],
}


def task_card(folder: Path, **changes: Any) -> TaskCard:
    path = folder / "my-task.yaml"
    path.write_text(yaml.safe_dump({**TASK, **changes}, sort_keys=False))
    return load_task_card(path)


def source_card(folder: Path, **changes: Any) -> SourceCard:
    path = folder / "my-source.yaml"
    path.write_text(yaml.safe_dump({**SOURCE, **changes}, sort_keys=False))
    return load_source_card(path)


def test_defaults(tmp_path: Path) -> None:
    card = task_card(tmp_path)
    assert (card.images.min, card.images.max, card.frame, card.held_out) == (1, 1, None, False)
    assert (card.render.style().answer, card.render.style().regions) == ("text", "drawn")
    assert card.splits["train"].answers == "public"


def test_sources_of_a_split(tmp_path: Path) -> None:
    card = task_card(tmp_path)
    assert card.sources_of("train") == ("texts", "train-images", "extra")
    assert card.sources_of("train", optional=False) == ("texts", "train-images")
    assert card.sources_of("test") == ("texts", "test-images")


def test_variant_overrides_what_it_states(tmp_path: Path) -> None:
    card = task_card(tmp_path)
    variant = card.for_variant("my-variant")
    assert (variant.title, variant.images.min, variant.render.answer) == ("My variant", 2, "both")
    assert {name: split.rows for name, split in variant.splits.items()} == {"train": 7}
    assert (variant.name, variant.license, variant.sources) == (
        "my-task",
        card.license,
        card.sources,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, r"my-task\.yaml: the card's name is 'other'; rename"),
        ({"variants": {"v": {"options": {"sise": 1}}}}, "variant v sets 'sise', which is not"),
        ({"splits": {"train": {"rows": 1, "answers": "withheld"}}}, "so rows must be 0"),
        ({"splits": {"training": {"rows": 1}}}, "splits.training"),
        ({"splits": {}}, "splits: .*at least 1"),
        ({"splits": {"train": {"rows": -1}}}, r"splits\.train\.rows"),
        ({"group": "captions"}, "group: "),
        ({"title": " "}, "title: "),
        ({"sources": {"texts": "some"}}, "sources.texts"),
        ({"licence": "x"}, r"unknown key 'licence' \(did you mean 'license'"),
    ],
)
def test_inconsistent_task_card(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        task_card(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "rename the card or the file"),
        ({"files": []}, "files: "),
        ({"files": [{"file": "a"}]}, "a needs a 'url' or steps under 'manual'"),
        ({"files": [{"file": "a", "url": "u", "sha256": "A" * 64}]}, r"files\.0\.sha256"),
        ({"files": [{"file": "a", "url": "u", "md5": "0" * 31}]}, r"files\.0\.md5"),
        ({"joins": [{"parts": "a-??", "whole": "a.zip"}]}, r"only parts of a tar .* a\.zip is not"),
        ({"layouts": [{"official": "", "actual": "x/"}]}, "layouts.0.from"),
    ],
)
def test_inconsistent_source_card(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        source_card(tmp_path, **changes)


UNSAFE = [
    "../evil.bin",
    "../../evil.bin",
    "a/../../b",
    "a/..",
    "..",
    ".",
    "./a",
    "a//b",
    "/etc/passwd",
    "//server/share",
    "\\\\server\\share",
    "..\\evil",
    "a\\b",
    "C:evil",
    "c:/evil",
    "a\0b",
    "a\nb",
    "a\x1b[2J",
    "a/ /b",
    " a",
    "x" * 300,
    "",
]


@pytest.mark.parametrize("path", UNSAFE)
@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("files.0.file", lambda path: {"files": [{"file": path, "url": "https://x/a"}]}),
        (
            "files.0.accept.0",
            lambda path: {"files": [{"file": "a", "url": "https://x/a", "accept": [path]}]},
        ),
        ("layouts.0.from", lambda path: {"layouts": [{"from": path, "to": "x/"}]}),
        ("layouts.0.to", lambda path: {"layouts": [{"from": "x/", "to": path}]}),
        ("joins.0.parts", lambda path: {"joins": [{"parts": path, "whole": "a.tar"}]}),
        ("joins.0.whole", lambda path: {"joins": [{"parts": "a-??", "whole": path}]}),
    ],
)
def test_source_card_names_nothing_outside_its_folder(
    tmp_path: Path, key: str, change: Callable[[str], dict[str, Any]], path: str
) -> None:
    if key.startswith("layouts") and not path:
        return  # an empty prefix is every name
    with pytest.raises(
        CardError, match=rf"my-source\.yaml: {key}: must be a relative path"
    ) as error:
        source_card(tmp_path, **change(path))
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "path",
    ["a.zip", "train/a b.json", "ä 中.zip", "refcoco+.zip", "..a", "a..b", "a...", "~a", ".a"],
)
def test_other_paths_are_allowed(tmp_path: Path, path: str) -> None:
    files = [{"file": path, "url": "https://x/a", "accept": [f"{path}*", "?.zip", "[ab].zip"]}]
    layouts = [{"from": "", "to": f"*/{path}/"}, {"from": f"{path}/", "to": ""}]
    card = source_card(tmp_path, files=files, layouts=layouts)
    assert card.files[0].file == path


@pytest.mark.parametrize("name", ["..", "a/b", "/a", "a\\b", "c:", ""])
def test_names_that_become_folders(tmp_path: Path, name: str) -> None:
    with pytest.raises(CardError, match=r"name: must be usable as the name of a folder"):
        source_card(tmp_path, name=name)
    with pytest.raises(CardError, match=r"variants\..*: must be usable as the name of a folder"):
        task_card(tmp_path, variants={name: {}})
    with pytest.raises(CardError, match=r"sources\..*: must be usable as the name of a folder"):
        task_card(tmp_path, sources={name: "all"})


def test_layouts_and_joins(tmp_path: Path) -> None:
    card = source_card(
        tmp_path,
        layouts=[{"from": "train/", "to": "*/"}],
        joins=[{"parts": "a-??", "whole": "a.tar.gz"}],
    )
    assert (card.layouts[0].official, card.layouts[0].actual) == ("train/", "*/")
    assert (card.joins[0].parts, card.joins[0].whole) == ("a-??", "a.tar.gz")


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ({"default": 3}, "4", 4),
        ({"default": 3, "min": 2, "max": 9}, "9", 9),
        ({"default": 0.5}, "1", 1.0),
        ({"default": True}, "False", False),
        ({"default": "a"}, "b", "b"),
        ({"default": "a", "choices": ("a", "b")}, "b", "b"),
    ],
)
def test_option_value_has_the_type_of_the_default(
    option: dict[str, Any], text: str, value: Any
) -> None:
    parsed = Option(help="h", **option).parse("t.x", text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ({"default": 3}, "three", "option t.x is 'three'; it takes a value like 3"),
        ({"default": 3}, "3.5", "a value like 3"),
        ({"default": 3, "min": 2, "max": 9}, "10", "a number from 2 to 9"),
        ({"default": 3, "min": 2, "max": 9}, "1", "a number from 2 to 9"),
        ({"default": True}, "yes", "a value like True"),
        ({"default": "a", "choices": ("a", "b")}, "c", "it takes a, b"),
    ],
)
def test_invalid_option_value(option: dict[str, Any], text: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        Option(help="h", **option).parse("t.x", text)


def test_bundled_cards_are_valid() -> None:
    folder = bundled("task_cards")
    tasks = [load_task_card(path) for path in sorted(folder.glob("*.yaml"))]
    sources = {load_source_card(path).name for path in sorted((folder / "sources").glob("*.yaml"))}
    assert tasks
    for task in tasks:
        for facts in (task, *map(task.for_variant, task.variants)):
            assert {*facts.sources, *facts.optional_sources} <= sources
