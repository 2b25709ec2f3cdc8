"""Size of ten siblings beside their base, and what an up-to-date family costs.

The base is OK-VQA from sample data; its siblings have a sentence for each answer. Sizes are those
of whole folders, meta included. Texts are the bytes of the text columns of all ten.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.build.siblings import SiblingBuild
from m3it_builder.build.side_by_side import UnitBuild, build_units
from m3it_builder.build.transformation import TemplateAnswers
from m3it_builder.progress import Silent
from m3it_builder.shards.formats import TEXT_COLUMNS, FormatName
from m3it_builder.tasks.registry import load_task
from m3it_builder.tasks.sampling import write_sample

NAME = Path(__file__).stem
ROWS = 2_000
SIBLINGS = 10


def run() -> dict[str, object]:
    """Return the size of a family relative to base and texts, by format, and the no-op's CPU."""
    result: dict[str, object] = {"rows": ROWS, "siblings": SIBLINGS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(load_task("okvqa"), folder / "src", ROWS)
        for form in ("parquet", "webdataset"):
            result[f"{form}, against base and texts"] = _ratio(folder, form)
        result["CPU seconds of a no-op"] = _no_op(folder)
    return result


def _units(folder: Path, form: FormatName) -> list[UnitBuild]:
    out, task = folder / form, load_task("okvqa")
    plan = Plan(formats=(form,))
    base = Build(sources=folder / "src", out=out, plan=replace(plan), workers=2)
    siblings = SiblingBuild(out=out, plan=plan, workers=2)
    names = [f"okvqa-{number}" for number in range(SIBLINGS)]
    return [
        UnitBuild(base, task, "train"),
        *(
            UnitBuild(siblings, Sibling(name, "okvqa", TemplateAnswers()), "train")
            for name in names
        ),
    ]


def _ratio(folder: Path, form: FormatName) -> float:
    _, failures = build_units(_units(folder, form), 2, Silent())
    if failures:
        sys.exit(str(failures[0].error))
    tasks = [path for path in (folder / form).iterdir() if path.is_dir()]
    total = sum(map(_size, tasks))
    base = _size(folder / form / "okvqa")
    texts = sum(_text_bytes(path) for path in tasks if path.name != "okvqa")
    return round(total / (base + texts), 2)


def _size(folder: Path) -> int:
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and ".m3it" not in path.parts
    )


def _text_bytes(task: Path) -> int:
    if task.name.startswith("."):
        return 0
    index = pq.read_table(task / "meta/train/index.parquet", partitioning=None)
    return sum(pc.sum(pc.binary_length(index[name])).as_py() for name in TEXT_COLUMNS)


def _no_op(folder: Path) -> float:
    before = _cpu()
    build_units(_units(folder, "parquet"), 2, Silent())
    return round(_cpu() - before, 2)


def _cpu() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
