"""Opening the sources that a split reads, with the options of its task."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import ConverterError
from m3it_builder.sources.catalog import Catalog
from m3it_builder.tasks.opening import catalogs_of, open_source


def test_catalogs_are_those_of_the_split(tmp_path: Path) -> None:
    task = load_task("okvqa")
    assert set(catalogs_of(task, "train", tmp_path)) == {
        "okvqa-annotations",
        "coco-2014-train-images",
    }
    assert set(catalogs_of(task, "validation", tmp_path)) == {
        "okvqa-annotations",
        "coco-2014-val-images",
    }


def test_optional_sources_can_be_left_out(tmp_path: Path) -> None:
    task = load_task("imagenet")
    required = set(catalogs_of(task, "train", tmp_path, optional=False))
    assert required < set(catalogs_of(task, "train", tmp_path))


def test_locations_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sources" / "okvqa-annotations"
    folder.mkdir(parents=True)
    (folder / "a.json").write_bytes(b"{}")
    monkeypatch.chdir(tmp_path)
    source = open_source(load_task("okvqa"), "train", Path("sources"))
    location = source.find("okvqa-annotations/a.json")
    assert location is not None
    assert location.path == str(folder / "a.json")


def test_source_has_name_options_and_given_catalogs(tmp_path: Path) -> None:
    task = load_task("vcr-rationale")
    catalogs = catalogs_of(task, "train", tmp_path)
    del catalogs["vcr-images"]
    source = open_source(task, "train", tmp_path, catalogs)
    assert (source.task, source.option("target")) == ("vcr-rationale", "rationale")
    with pytest.raises(ConverterError, match="lists only vcr-annotations"):
        source.find("vcr-images/a.jpg")
    assert all(isinstance(catalog, Catalog) for catalog in catalogs.values())
