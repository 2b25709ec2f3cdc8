"""Paths of the repository, and the published files of a build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3it_builder.shards.formats import FormatName

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
ALL: tuple[FormatName, ...] = ("arrow", "jsonl", "parquet", "webdataset")


def tree(folder: Path) -> dict[str, bytes]:
    """Return the contents of all published files in a folder, without local state."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".m3it", ".m3it-sample"} & set(path.parts)
    }
