"""Where the tests find things, and what a build has published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3it_builder.shards.formats import FormatName

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
ALL: tuple[FormatName, ...] = ("arrow", "jsonl", "parquet", "webdataset")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every published file below a folder; local state stays out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".m3it", ".m3it-sample"} & set(path.parts)
    }
