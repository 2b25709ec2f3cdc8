"""README files: loadable folders for any combination of splits and formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import yaml

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.readme import expected_readmes, remove_readmes, write_readmes
from m3it_builder.tasks.sampling import write_sample
from tests.support.building import PLAN, TEXT_PLAN, build, numbered_task, placeholder_sources


def test_splits_in_different_formats_load_each_by_itself(tmp_path: Path) -> None:
    task = load_task("okvqa")
    write_sample(task, tmp_path / "sources", 120)
    for split, name in (("train", "parquet"), ("validation", "webdataset")):
        plan = replace(PLAN, formats=(name,))  # type: ignore[arg-type]
        Build(sources=tmp_path / "sources", out=tmp_path, plan=plan).unit(task, split)  # type: ignore[arg-type]
    for name, split in (("parquet", "train"), ("webdataset", "validation")):
        loaded = datasets.load_dataset(str(tmp_path / "okvqa" / name))
        assert {key: len(rows) for key, rows in loaded.items()} == {split: 120}


def header(path: Path) -> dict[str, Any]:
    """Return the YAML header of a README."""
    value: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])
    return value


def test_one_readme_per_format_and_one_for_the_best(tmp_path: Path) -> None:
    """The format of most splits comes first; of several, the one that ``datasets`` loads best.

    Parquet files declare their features themselves, and most readers of Parquet want no other
    file in the folder.
    """
    sources, task = placeholder_sources(tmp_path), numbered_task(3, train={}, test={})
    both = replace(TEXT_PLAN, formats=("jsonl", "parquet"))
    Build(sources=sources, out=tmp_path, plan=both).unit(task, "train")
    folder = tmp_path / "numbers"
    names = ["README.md", "jsonl/README.md"]
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("README.md")) == names
    assert [p.relative_to(folder).as_posix() for p in
            expected_readmes(folder, list(manifests(folder)))] == names  # fmt: skip

    def paths(name: str) -> list[tuple[str, str]]:
        (config,) = header(folder / name)["configs"]
        return [(entry["split"], entry["path"]) for entry in config["data_files"]]

    assert paths("README.md") == [("train", "parquet/train-*.parquet")]
    assert paths("jsonl/README.md") == [("train", "train-*.jsonl")]
    Build(sources=sources, out=tmp_path, plan=TEXT_PLAN).unit(task, "test")
    assert paths("README.md") == [("train", "jsonl/train-*.jsonl"), ("test", "jsonl/test-*.jsonl")]
    assert not (folder / "parquet" / "README.md").exists()


def test_without_rows_there_is_no_readme(tmp_path: Path) -> None:
    """Loaders fail on a README whose file patterns match nothing."""
    task = numbered_task(3, train={"answers": "withheld"})
    build(placeholder_sources(tmp_path), tmp_path, TEXT_PLAN, task)
    folder = tmp_path / "numbers"
    assert not list(folder.rglob("README.md"))
    assert expected_readmes(folder, list(manifests(folder))) == []


def test_readmes_can_be_removed_and_written_again(tmp_path: Path) -> None:
    task = numbered_task(3)
    plan = replace(TEXT_PLAN, formats=("arrow", "jsonl"))
    build(placeholder_sources(tmp_path), tmp_path, plan, task)
    folder = tmp_path / "numbers"
    units = list(manifests(folder))
    before = {path: path.read_bytes() for path in expected_readmes(folder, units)}
    assert len(before) == 3
    remove_readmes(folder)
    assert not any(path.exists() for path in before)
    write_readmes(folder, units)
    assert {path: path.read_bytes() for path in before} == before


def test_license_has_an_identifier_of_the_hub_if_it_covers_the_images(tmp_path: Path) -> None:
    def stated(annotations: str, images: str) -> tuple[str, str | None]:
        update = {"license": annotations, "image_license": images}
        task = numbered_task(3)
        task = replace(task, card=task.card.model_copy(update=update))
        build(placeholder_sources(tmp_path), tmp_path, TEXT_PLAN, task, replace=True)
        values = header(tmp_path / "numbers" / "README.md")
        return values["license"], values.get("license_name")

    assert stated("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0") == ("cc-by-nc-sa-4.0", None)
    assert stated("CC-BY-4.0", "Flickr photos") == ("other", "CC-BY-4.0")
    assert stated("Not stated", "Not stated") == ("other", "Not stated")
