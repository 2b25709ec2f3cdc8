"""What a unit of a sibling is made from: its base, its options, and the rows it takes."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import msgspec
import pyarrow.parquet as pq
from msgspec import structs

from m3it_builder.build.fingerprint import Fingerprint, digest
from m3it_builder.build.plan import Plan
from m3it_builder.build.rank import rank_of
from m3it_builder.build.sibling_shard import Ranked
from m3it_builder.build.transformation import Transformation
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.base import BaseUnit
from m3it_builder.dataset.layout import INDEX, meta_path
from m3it_builder.dataset.manifest import CardFacts, PlanChoices, read_manifest_or_none
from m3it_builder.errors import BuildError
from m3it_builder.records import Reject


@dataclass(frozen=True, slots=True)
class Sibling:
    """A set that is made from another one."""

    name: str
    base: str  # name of a task in the same output folder
    transformation: Transformation
    rejects: tuple[tuple[str, Reject], ...] = ()  # (stage, reject) of what has no row in the base


@dataclass(frozen=True, slots=True)
class SiblingInputs:
    """A unit of a sibling with its base, its options and its fingerprint."""

    sibling: Sibling
    unit: Unit
    base: BaseUnit
    card: CardFacts
    choices: PlanChoices
    fingerprint: Fingerprint

    @property
    def key(self) -> str:
        """Return a digest of the fingerprint, which decides every byte of the unit."""
        return digest(msgspec.json.encode(self.fingerprint, order="deterministic"))


def require_sibling_folder(unit: Unit) -> None:
    """Require that a sibling does not take the place of a unit with images of its own.

    Raises:
        BuildError: there is such a unit, adopted for example.
    """
    existing = read_manifest_or_none(unit.meta)
    if existing is not None and existing.sibling is None:
        raise BuildError(
            f"{unit.folder}: has a {unit.name} that was not made from another set; choose another "
            "--out, or move it away"
        )


def sibling_choices(base: BaseUnit, plan: Plan) -> PlanChoices:
    """Return the options of the base, with those of a sibling in their place."""
    own = base.manifest.plan
    limits = [limit for limit in (plan.limit, own.limit) if limit is not None]
    return structs.replace(
        own,
        limit=min(limits, default=None),
        checks=plan.file.checks,
        formats=tuple(sorted(plan.formats)),
        images=plan.sibling_images,
    )


def last_taken(base: BaseUnit, limit: int | None) -> Ranked | None:
    """Return the last row of the first ``limit`` by rank; None if all are taken."""
    unit = base.manifest
    if limit is None or limit >= unit.instances:
        return None
    rank = rank_of(unit.plan.seed, unit.task, unit.split)
    index = pq.ParquetFile(base.folder / meta_path(unit.split, INDEX))
    ids = (
        row_id.as_py() for batch in index.iter_batches(columns=["id"]) for row_id in batch.column(0)
    )
    return heapq.nsmallest(limit, ((rank(row_id), row_id) for row_id in ids))[-1]


def expected_sibling_bytes(inputs: SiblingInputs, rows: int) -> int:
    """Return about how many bytes the shards of some rows take."""
    base = inputs.base.manifest
    texts = (inputs.base.folder / meta_path(base.split, INDEX)).stat().st_size
    images = 0 if inputs.choices.images == "shared" else base.image_bytes
    share = rows / base.instances if base.instances else 0
    return int((texts + images) * share) * len(inputs.choices.formats)
