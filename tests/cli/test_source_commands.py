"""``m3it sample``; ``m3it fetch`` is tested in tests/fetch."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import run_m3it
from tests.support.paths import tree


def test_sample_is_determined_by_its_seed(tmp_path: Path) -> None:
    for seed in ("0", "5"):  # the second replaces the files of the first
        run_m3it("sample", "--task", "okvqa", "--n", "3", "--seed", seed, "--out", tmp_path / "s")
        run_m3it("sample", "--task", "okvqa", "--n", "3", "--seed", seed, "--out", tmp_path / seed)
        assert tree(tmp_path / "s") == tree(tmp_path / seed)
    assert tree(tmp_path / "0") != tree(tmp_path / "5")
