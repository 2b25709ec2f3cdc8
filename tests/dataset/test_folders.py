"""Opening whole folders of a build, as people do: the output folder, and that of a format."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.shards.formats import FORMATS
from m3it_builder.tasks.sampling import write_sample
from m3it_builder.verify.run import VerifyOptions, verify
from tests.support.building import TEXT_PLAN, numbered_task, placeholder_sources

# The largest number of images in a row, which cards may exceed: 64 for msrvtt-qa.
TASKS = {"okvqa": 1, "science-qa": 1, "vist": 5, "msrvtt-qa": 8}
ROWS = 6


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build several tasks into one folder, with empty tables of rejects."""
    if not find_spec("av"):
        pytest.skip("needs PyAV")
    folder = tmp_path_factory.mktemp("folders")
    plan = Plan(formats=("parquet", "webdataset"))
    for name in TASKS:
        task = load_task(name)
        write_sample(task, folder / "src" / name, ROWS)
        build = Build(sources=folder / "src" / name, out=folder / "out", plan=plan)
        for split in task.card.splits:
            build.unit(task, split)
    return folder / "out"


def counts(out: Path, name: str) -> dict[str, int]:
    return {unit.split: unit.instances for unit in manifests(out / name)}


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("name", TASKS)
def test_the_output_folder_loads_by_task(out: Path, name: str, streaming: bool) -> None:
    """``load_dataset(OUT, "okvqa")``, as ``load_dataset("MMInstruction/M3IT", "okvqa")`` did."""
    import datasets

    loaded = datasets.load_dataset(str(out), name, streaming=streaming)
    alone = datasets.load_dataset(str(out / name / "parquet"))
    assert set(loaded) == set(alone) == set(counts(out, name))
    for split, rows in alone.items():
        items = list(loaded[split])
        assert len(items) == len(rows) == counts(out, name)[split]
        assert [item["id"] for item in items] == rows["id"]
        assert loaded[split].features == rows.features
        assert [len(item["images"]) for item in items] == [len(row["images"]) for row in rows]
    assert max(len(item["images"]) for item in items) == TASKS[name]


def test_the_output_folder_names_its_configs(out: Path) -> None:
    import datasets

    assert datasets.get_dataset_config_names(str(out)) == sorted(TASKS)
    with pytest.raises(ValueError, match="Config name is missing"):
        datasets.load_dataset(str(out))


@pytest.mark.parametrize("name", TASKS)
def test_webdataset_declares_as_many_images_as_rows_have(out: Path, name: str) -> None:
    import datasets

    loaded = datasets.load_dataset(str(out / name / "webdataset"), streaming=True)
    for rows in loaded.values():
        images = [column for column in rows.features if column.endswith(".jpg")]
        assert images == [f"{number}.jpg" for number in range(TASKS[name])]


def test_verify_finds_nothing(out: Path) -> None:
    assert verify(out, VerifyOptions()).findings == ()


def _pandas(folder: Path) -> int:
    return len(pytest.importorskip("pandas").read_parquet(folder))


def _polars(folder: Path) -> int:
    import polars

    rows = polars.read_parquet(folder)
    assert polars.scan_parquet(folder).collect().equals(rows)
    return len(rows)


def _pyarrow_dataset(folder: Path) -> int:
    from pyarrow import dataset

    return int(dataset.dataset(folder).to_table().num_rows)


def _pyarrow_table(folder: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_table(folder).num_rows)


def _duckdb(folder: Path) -> int:
    import duckdb

    sql = f"SELECT count(*) FROM read_parquet('{folder}/*')"  # every file
    rows = duckdb.execute(sql).fetchall()
    return int(rows[0][0])


def _datafusion(folder: Path) -> int:
    from datafusion import SessionContext

    return int(SessionContext().read_parquet(str(folder)).count())


READERS = (_pandas, _polars, _pyarrow_dataset, _pyarrow_table, _duckdb, _datafusion)


@pytest.mark.parametrize("read", READERS, ids=[read.__name__[1:] for read in READERS])
def test_the_parquet_folder_opens_as_a_whole(out: Path, read: Callable[[Path], int]) -> None:
    for name in TASKS:
        assert read(out / name / "parquet") == sum(counts(out, name).values())


@pytest.mark.parametrize("read", READERS, ids=[read.__name__[1:] for read in READERS])
def test_empty_rejects_can_be_read(out: Path, tmp_path: Path, read: Callable[[Path], int]) -> None:
    shutil.copy(out / "okvqa" / "meta" / "train" / "rejects.parquet", tmp_path)
    assert read(tmp_path) == 0


def test_datasets_reads_empty_rejects(out: Path) -> None:
    """Alone in streaming mode (it loads no empty split otherwise), and beside others."""
    import datasets

    empty = out / "okvqa" / "meta" / "train" / "rejects.parquet"
    rows = datasets.load_dataset("parquet", data_files=str(empty), streaming=True, split="train")
    assert list(rows) == []
    assert "reason" in rows.features
    # 12 of the clips in the sample are not chosen.
    both = [str(empty), str(out / "msrvtt-qa" / "meta" / "train" / "rejects.parquet")]
    loaded = datasets.load_dataset("parquet", data_files=both, split="train")
    assert set(loaded["reason"]) == {"not_chosen"}


def test_a_readme_of_an_older_version_is_removed_from_parquet(tmp_path: Path) -> None:
    """Up-to-date builds, too, remove it; one that no build wrote stays."""
    task, plan = numbered_task(3), Plan(formats=("parquet",))
    build = Build(sources=placeholder_sources(tmp_path), out=tmp_path / "out", plan=plan)
    build.unit(task, "train")
    path = tmp_path / "out" / "numbers" / "parquet" / "README.md"
    old = (
        "---\npretty_name: X\nconfigs: []\n---\n\n# X as parquet\n\nSee the README one folder up.\n"
    )
    for text, is_kept in ((old, False), ("# My notes\n", True)):
        path.write_text(text)
        assert build.unit(task, "train").status == "up to date"
        assert path.exists() == is_kept
    report = verify(tmp_path / "out", VerifyOptions(quick=True))
    assert [one.check for one in report.findings] == ["stray_file"]


def test_features_cover_all_splits_as_built(tmp_path: Path) -> None:
    from msgspec.structs import replace

    from m3it_builder.dataset.readme import declared_features

    plan = TEXT_PLAN
    Build(sources=placeholder_sources(tmp_path), out=tmp_path, plan=plan).unit(
        numbered_task(3), "train"
    )
    (unit,) = manifests(tmp_path / "numbers")
    assert unit.max_images == 0
    units = [replace(unit, max_images=2), replace(unit, split="test", max_images=3)]
    assert "2.jpg" in declared_features(units, "webdataset")
    assert "3.jpg" not in declared_features(units, "webdataset")
    assert "0.jpg" not in declared_features([unit], "webdataset")


def test_only_parquet_declares_its_features() -> None:
    assert [name for name, entry in FORMATS.items() if entry.folder_file is None] == ["parquet"]
