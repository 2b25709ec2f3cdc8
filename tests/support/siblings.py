"""Build a base and siblings of it within a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from m3it_builder.build.plan import Plan
from m3it_builder.build.report import Report
from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.build.siblings import SiblingBuild
from m3it_builder.build.transformation import TemplateAnswers
from m3it_builder.records import Split
from m3it_builder.shards.formats import FORMATS
from tests.support.verifying import PLAN, build

NAME = "mixed-rephrased"
SIBLING = Sibling(NAME, "mixed", TemplateAnswers())


def build_base(folder: Path, count: int = 30, name: str = "mixed", plan: Plan = PLAN) -> Path:
    """Build a task of rows with 0 to 3 images; return the output folder."""
    build(folder / "src", folder / "out", name, plan, count)
    return folder / "out"


def build_sibling(
    out: Path, sibling: Sibling = SIBLING, split: Split = "train", plan: Plan = PLAN, **options: Any
) -> Report:
    """Build one unit of a sibling."""
    return SiblingBuild(out=out, plan=plan, **options).unit(sibling, split)


def embedding(images: str) -> Plan:
    """Return a plan whose siblings have their images themselves."""
    return replace(PLAN, sibling_images=images)  # type: ignore[arg-type]


def unit_bytes(out: Path, task: str, split: str = "train") -> dict[str, bytes]:
    """Return the content of every published file of a unit, by path."""
    folder = out / task
    paths = [*(folder / "meta" / split).iterdir()]
    for name in FORMATS:
        paths += [path for path in (folder / name).rglob(f"{split}-*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
