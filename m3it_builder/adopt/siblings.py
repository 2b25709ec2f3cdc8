"""Adopt a translated set as a sibling: texts of its own, the images of another set.

M3IT-80 has the images of a task in one file, ``train_500.jsonl``, and the texts of each language
in another, joined by position. That one file becomes a base, ``okvqa-m3it-80``, and each language
a sibling of it, whose rows have the ids of the base.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
from blake3 import blake3
from msgspec.structs import replace

from m3it_builder.adopt.pools import read_labels
from m3it_builder.adopt.records import ORIGIN_KEY, with_origin
from m3it_builder.adopt.scanned_rows import ScannedLine, ScannedRow, read_scanned
from m3it_builder.adopt.task import ScannedUnit, facts_of, pool_of, published_rows, row_name
from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.dataset.base import BaseUnit
from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.layout import INDEX, meta_path
from m3it_builder.dataset.manifest import CardFacts, Manifest
from m3it_builder.errors import BaseError
from m3it_builder.records import Reject, Style, Turn
from m3it_builder.stages.instruct import pick
from m3it_builder.storage.json_values import dumps

_NAME = "adopted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedTexts:
    """The texts of a published file, for the rows of the base at the same positions."""

    task: str
    lang: str
    title: str
    published: int  # rows
    file: str  # name of the file of texts, for the meta
    rows_path: str  # its scanned rows
    images_path: str  # scanned rows of the file with the images
    pool: tuple[str, ...]
    labels: tuple[str, ...]
    seed: int
    state: str  # digest of both files and of the scanner
    name: str = _NAME

    def fingerprint(self) -> str:
        """Return a digest of the texts, and of everything that is added to them."""
        values = [self.task, self.lang, self.title, self.published, self.pool, self.labels,
                  self.seed, self.state, Path(__file__).read_text(encoding="utf-8")]  # fmt: skip
        return blake3(msgspec.json.encode(values)).hexdigest(16)

    def card(self, base: Manifest) -> CardFacts:
        """Return the card of the base, in another language."""
        return replace(base.card, title=self.title, lang=self.lang, target_langs=(),
                       rows=self.published)  # fmt: skip

    def rows(self, rows: Iterable[IndexRow], _style: Style) -> Iterator[IndexRow]:
        """Yield the rows of the base for which the file has texts."""
        in_order = [(origin_line(row), row) for row in rows]
        lines: set[int | None] = {line for line, _ in in_order}
        texts = {
            image.line: text
            for image, text in paired(self.rows_path, self.images_path)
            if image and image.line in lines and isinstance(text, ScannedRow)
        }
        for line, base in in_order:
            text = texts.get(line)
            if text and not self.problem(text):
                yield self._translated(base, text)

    def problem(self, text: ScannedRow) -> Reject | None:
        """Return why a row of texts cannot become a row."""
        name = f"{self.file}:{text.line}"
        if text.label is not None and not 0 <= text.label < len(self.labels):
            return Reject(name, "label_unnamed", f"class {text.label} of {len(self.labels)}")
        if not text.instruction and not self.pool:
            return Reject(
                name, "no_instruction", "the row has none, and there is no instruction pool"
            )
        return None

    def _translated(self, base: IndexRow, text: ScannedRow) -> IndexRow:
        outputs = text.outputs if text.label is None else self.labels[text.label]
        label = {} if text.label is None else {"label": text.label}
        meta = {**msgspec.json.decode(base.meta), **text.meta, **label}
        meta.pop(ORIGIN_KEY, None)
        meta = with_origin(meta, {"file": self.file, "line": text.line})
        return replace(
            base,
            lang=self.lang,
            instruction=text.instruction or pick(self.pool, f"{self.seed}/{self.task}/{base.id}"),
            context="",
            turns=(Turn(text.inputs or "", outputs or ""),),
            meta=dumps(meta, sort_keys=True).decode(),
        )


def adopted_sibling(scanned: ScannedUnit, base: BaseUnit) -> Sibling:
    """Return the sibling of a unit whose texts and images are in two files.

    Args:
        scanned: unit with both files scanned.
        base: the adopted file with the images.

    Raises:
        SourceError: its instructions or class names cannot be read.
        BaseError: the base was made from another file with images.
    """
    unit, folder = scanned.unit, scanned.data
    assert scanned.images is not None  # noqa: S101 - that of a sibling
    facts, count = facts_of(unit), published_rows(unit)
    jobs = (scanned.rows.job, scanned.images.job)
    texts = AdoptedTexts(
        task=unit.task,
        lang=facts.lang,
        title=facts.title,
        published=scanned.rows.summary.lines if count is None else count,
        file=row_name(scanned.rows),
        rows_path=jobs[0].rows_path,
        images_path=jobs[1].rows_path,
        pool=pool_of(scanned),
        labels=_labels(scanned, folder),
        seed=base.manifest.plan.seed,
        state=blake3(msgspec.json.encode([job.state for job in jobs])).hexdigest(16),
    )
    return Sibling(unit.task, base.manifest.task, texts, tuple(_rejects(texts, base)))


def paired(rows_path: str, images_path: str) -> Iterator[tuple[ScannedLine | None, ScannedLine]]:
    """Yield each row of texts with the row of images at its position, if there is one."""
    images = read_scanned(Path(images_path))
    for text in read_scanned(Path(rows_path)):
        image = next(images, None)
        yield image, text


def origin_line(row: IndexRow) -> int:
    """Return the line of a published file that an adopted row has been read from."""
    return int(msgspec.json.decode(row.meta)[ORIGIN_KEY]["line"])


def _labels(scanned: ScannedUnit, folder: Path) -> tuple[str, ...]:
    unit = scanned.unit
    if unit.label_file and scanned.rows.summary.with_label:
        return read_labels(folder / unit.label_file)
    return ()


def _rejects(texts: AdoptedTexts, base: BaseUnit) -> Iterator[tuple[str, Reject]]:
    """Yield every row of texts that becomes no row of the sibling, with the reason."""
    digests = _digests_by_line(base)
    limited = base.manifest.plan.limit is not None
    for image, text in paired(texts.rows_path, texts.images_path):
        line = image.line if image else None
        if isinstance(image, ScannedRow) and line in digests:
            _require_same(digests[line], image, base)
        name = f"{texts.file}:{text.line}"
        if not isinstance(text, ScannedRow):
            yield "convert", Reject(name, text.reason, text.detail)
        elif line is None:
            detail = "the file with the images has no row at this position"
            yield "convert", Reject(name, "no_image_row", detail)
        elif line not in digests and limited:
            yield "spool", Reject(name, "over_limit")
        elif line not in digests:
            detail = f"{base.manifest.task} has no row at this position"
            yield "convert", Reject(name, "no_base_row", detail)
        elif problem := texts.problem(text):
            yield "convert", problem


def _require_same(digests: Sequence[str], image: ScannedRow, base: BaseUnit) -> None:
    """Require that the base has the images that are at this line of the file now.

    Raises:
        BaseError: it does not: it was adopted from another version of the file.
    """
    if list(digests) != [span.digest for span in image.images]:
        raise BaseError(
            f"{base.folder}: {base.manifest.name} was adopted from another version of the file "
            f"with the images (line {image.line}); adopt it again with --replace"
        )


def _digests_by_line(base: BaseUnit) -> dict[int | None, list[str]]:
    """Return the digests of the images of each row of a base, by its line in the file."""
    index = pq.ParquetFile(base.folder / meta_path(base.manifest.split, INDEX))
    return {
        msgspec.json.decode(row["meta"])[ORIGIN_KEY]["line"]: [
            image["source_digest"] for image in row["images"]
        ]
        for batch in index.iter_batches(columns=["meta", "images"])
        for row in batch.to_pylist()
    }
