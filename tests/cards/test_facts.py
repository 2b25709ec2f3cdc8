"""Task cards and source cards agree with the established facts; skipped where these are absent."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.plan import load_pipeline
from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import SourceCard, load_source_card
from m3it_builder.tasks.registry import all_names, task_names
from tests.support.paths import ROOT

FACTS = Path(os.environ.get("M3IT_FACTS") or ROOT.parent / "shared" / "facts")
CARDS = sorted((bundled("task_cards") / "sources").glob("*.yaml"))
UNUSED = {"hidden/hidden.json", "test1.json", "test2.json"}  # NLVR has no test rows in M3IT
BEYOND = {"refcoco", "refcoco+", "refcocog", "vsr", "laion-400m"}


def table(name: str) -> list[dict[str, str]]:
    if not FACTS.is_dir():
        pytest.skip(f"{FACTS} is absent")
    with (FACTS / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_a_source_card_says_how_to_get_every_file(path: Path) -> None:
    card = load_source_card(path)
    for file in card.files:
        assert file.url.startswith(("http://", "https://")) or len(file.manual.split()) >= 5
        assert all(mirror.startswith(("http://", "https://")) for mirror in file.mirrors)


def test_every_source_card_is_used() -> None:
    listed = {name for task in task_names() for name in load_task(task).sources}
    assert {path.stem for path in CARDS} == listed


def known_files() -> Iterator[tuple[SourceCard, dict[str, str]]]:
    cards = {path.stem: load_source_card(path) for path in CARDS}
    for row in table("source_files"):
        if card := cards.get(row["source_id"]):
            yield card, row


def test_sizes_and_digests_are_those_of_the_facts() -> None:
    wrong = []
    for card, row in known_files():
        for file in card.files:
            if file.file != row["file"]:
                continue
            for key, value in (
                ("bytes", file.bytes), ("sha256", file.sha256), ("md5", file.md5)
            ):  # fmt: skip
                stated = None if value is None else str(value)
                if stated != (row[key] or None):
                    wrong.append(f"{card.name}/{file.file}: {key} {stated}, facts {row[key]!r}")
    assert wrong == []


def test_every_file_of_a_source_is_on_its_card() -> None:
    missing = []
    for card, row in known_files():
        names = {name for file in card.files for name in (file.file, *file.accept)}
        # In parentheses are descriptions of files whose names are not known.
        if row["file"] not in names | UNUSED and not row["file"].startswith("("):
            missing.append(f"{card.name}: {row['file']}")
    assert missing == []


def test_the_tasks_of_m3it_are_all_there() -> None:
    rows = table("tasks")
    names = {row["name"] for row in rows}
    assert names | BEYOND <= set(task_names())
    assert set(load_pipeline("m3it").tasks) == names
    assert set(load_pipeline("smoke").tasks) == names | BEYOND
    assert "imagenet-open-ended" in all_names()


def test_published_rows_are_those_of_the_facts() -> None:
    wrong = []
    for row in table("tasks"):
        splits = load_task(row["name"]).card.splits
        for split in ("train", "validation", "test"):
            if split in splits and splits[split].answers == "withheld":
                continue  # M3IT has rows without public answers
            stated = splits[split].rows if split in splits else 0
            if stated != int(row[split]):
                wrong.append(f"{row['name']}/{split}: {stated}, published {row[split]}")
    assert wrong == []


def test_licenses_are_those_of_the_facts() -> None:
    """One line of the facts has both datasets named NLVR, which are two configs here."""
    wrong = []
    for row in table("licences"):
        if row["task"] not in task_names():
            continue
        card = load_task(row["task"]).card
        for key, stated in (
            ("annotation_licence", card.license), ("image_licence", card.image_license)
        ):  # fmt: skip
            if row["task"] != "nlvr" and american(stated) != american(row[key]):
                wrong.append(f"{row['task']}: {key} {stated!r}, facts {row[key]!r}")
    assert wrong == []


def american(text: str) -> str:
    return " ".join(text.lower().replace("licence", "license").split())
