"""Downloads of img2dataset: shards as tars and as folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from m3it_builder.formats.img2dataset import Download, downloads
from m3it_builder.samples.laion_400m import download, write_stats, write_tar
from m3it_builder.samples.world import World
from m3it_builder.sources.source import Source
from m3it_builder.tasks.opening import open_source

WORLD = World(width=48, height=36)
KEYS = ("000000", "000002", "000003")  # with a hole, where a download failed


def source_with(folder: Path, layout: str, keys: tuple[str, ...] = KEYS) -> Source:
    """Write a shard, a tar or a folder, and open it."""
    groups = [(key, download(WORLD, int(key), key)) for key in keys]
    target = folder / "laion-400m"
    if layout == "tar":
        write_tar(target / "00000.tar", reversed(groups))
    else:
        for key, files in groups:
            for suffix, data in files.items():
                path = target / "00000" / f"{key}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    write_stats(target, "00000", len(keys))
    return open_source(load_task("laion-400m"), "train", folder)


@pytest.mark.parametrize("layout", ["tar", "folder"])
def test_examples_in_the_order_of_their_keys(layout: str, tmp_path: Path) -> None:
    found = list(downloads(source_with(tmp_path, layout), "laion-400m"))
    assert [entry.key for entry in found if isinstance(entry, Download)] == list(KEYS)
    for entry in found:
        assert isinstance(entry, Download)
        assert entry.fields["url"] == f"https://example.org/{int(entry.key)}.jpg"
        assert entry.image.name.startswith("laion-400m/")
        assert entry.image.name.endswith(f"{entry.key}.jpg")


def test_a_parquet_file_is_as_good_as_the_statistics(tmp_path: Path) -> None:
    source = source_with(tmp_path, "folder")
    folder = tmp_path / "laion-400m"
    (folder / "00000_stats.json").rename(folder / "00000.parquet")
    assert len(list(downloads(source, "laion-400m"))) == len(KEYS)


def test_an_unpacked_tar_is_read_once(tmp_path: Path) -> None:
    source_with(tmp_path, "folder")
    source = source_with(tmp_path, "tar")
    assert len(list(downloads(source, "laion-400m"))) == len(KEYS)


def test_a_truncated_tar_is_an_error(tmp_path: Path) -> None:
    source = source_with(tmp_path, "tar")
    path = tmp_path / "laion-400m" / "00000.tar"
    path.write_bytes(path.read_bytes()[:-15_000])
    with pytest.raises(SourceError, match=r"00000\.tar.*truncated"):
        list(downloads(source, "laion-400m"))


def test_a_list_without_downloads_is_an_error(tmp_path: Path) -> None:
    source = source_with(tmp_path, "folder")
    shutil.rmtree(tmp_path / "laion-400m" / "00000")
    (tmp_path / "laion-400m" / "00000_stats.json").unlink()
    with pytest.raises(SourceError, match="no output of img2dataset"):
        list(downloads(source, "laion-400m"))


def test_tars_are_among_the_files_that_a_build_depends_on(tmp_path: Path) -> None:
    source = source_with(tmp_path, "tar")
    list(downloads(source, "laion-400m"))
    assert source.names_read == {"laion-400m/00000.tar"}
