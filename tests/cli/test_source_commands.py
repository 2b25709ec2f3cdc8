"""``m3it sample``; ``m3it fetch`` is tested in tests/fetch."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import assert_one_line, run_m3it
from tests.support.paths import tree


def test_sample_is_determined_by_its_seed(tmp_path: Path) -> None:
    for seed in ("0", "5"):  # the second replaces the files of the first
        run_m3it("sample", "--task", "okvqa", "--n", "3", "--seed", seed, "--out", tmp_path / "s")
        run_m3it("sample", "--task", "okvqa", "--n", "3", "--seed", seed, "--out", tmp_path / seed)
        assert tree(tmp_path / "s") == tree(tmp_path / seed)
    assert tree(tmp_path / "0") != tree(tmp_path / "5")


def test_sample_writes_nothing_among_official_files(tmp_path: Path) -> None:
    """Its default folder is not that of `build` and `fetch`."""
    official = tmp_path / "sources" / "shapes" / "official.zip"
    official.parent.mkdir(parents=True)
    official.write_bytes(b"official")
    done = run_m3it("sample", "--task", "shapes", "--n", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sample-sources" / "shapes").is_dir()
    done = run_m3it("sample", "--task", "shapes", "--out", "sources", cwd=tmp_path)
    assert_one_line(done, 1, "sources/shapes", "official.zip", "choose another --out")
    assert tree(tmp_path / "sources") == {"shapes/official.zip": b"official"}
