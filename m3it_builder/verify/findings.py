"""The checks of ``verify``, and a tally that counts findings and keeps the first of each check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_KEPT = 20  # findings of one check kept in full

Findings = Iterator[tuple[str, str]]  # (check, detail)

# Every check, and what is wrong when it reports a finding.
CHECKS = {
    "manifest_missing": "A split has an index or rejects but no manifest: its build is incomplete.",
    "manifest_unreadable": "The manifest is malformed, or of an unsupported format version.",
    "manifest_unit": "The manifest names another task or split than its folder.",
    "manifest_counts": "Counts in the manifest are inconsistent, or differ from the files.",
    "manifest_paths": "Shards are not numbered from 0, lack a format, or have unexpected paths.",
    "file_missing": "A file listed in the manifest does not exist.",
    "file_size": "The size of a file differs from the manifest.",
    "file_digest": "The digest of a file differs from the manifest.",
    "stray_file": "A file among the shards is not listed in the manifest; loaders may read it.",
    "partial_file": "An unfinished file was left behind.",
    "index_unreadable": "The index cannot be read.",
    "index_schema": "The columns of the index are not those this version writes.",
    "index_order": "Index rows are not ordered by shard and row, or a row group mixes shards.",
    "rejects_unreadable": "The table of rejects cannot be read.",
    "rejects_schema": "The columns of the rejects are not those this version writes.",
    "rejects_rows": "A reject has another task or split, or a missing value.",
    "duplicate_id": "An id occurs more than once in a split.",
    "duplicate_key": "A WebDataset key occurs more than once in a split.",
    "wrong_key": "The WebDataset key of a row is not the one derived from its id.",
    "null_value": "A required value is null.",
    "invalid_text": "A text is not valid UTF-8, or contains a null character.",
    "wrong_unit": "A row names another task or split.",
    "empty_output": "The target text is blank.",
    "empty_instruction": "The instruction is blank.",
    "empty_input": "The row has neither an image nor an input text.",
    "meta_json": "The meta of a row is not a JSON object.",
    "language": "The language is not a BCP 47 tag, or differs from the card.",
    "license": "The license of a row or of its images is blank.",
    "image_count": "A row has fewer or more images than the card allows.",
    "image_metadata": "The index holds an invalid digest, type, size or length of an image.",
    "image_name": "The name of an image is not <source_id>/<relative path>.",
    "regions_drawn": "An image without region differs from its source, or only some are drawn.",
    "region": "A region is malformed, on no image, outside its image, or of unknown color.",
    "choices": "The gold choice does not exist, or is not the answer.",
    "rendering": "Inputs or outputs do not follow from turns, choices and regions.",
    "box_token": "A {box:N} token was left in a published text.",
    "private": "A published text contains a path, host name or user name of a machine.",
    "secret": "A published text contains what looks like a token or a private key.",
    "shard_unreadable": "A shard cannot be read.",
    "shard_schema": "The columns or fields of a shard are not the expected ones.",
    "tar_header": "A tar member is not plain ustar with mode 0644, no time and no owner.",
    "tar_members": "Members of a tar are not KEY.json, KEY.0.jpg ... KEY.k.jpg, row by row.",
    "tar_end": "A tar is truncated, or does not end with exactly two zero blocks.",
    "parquet_layout": "A Parquet file has compressed or encoded images, or no page index.",
    "row_missing": "A shard has fewer rows than the index.",
    "row_extra": "A shard has more rows than the index.",
    "row_order": "A shard has another row at a position than the index.",
    "row_location": "The offset or length of a row in its file is not what the index says.",
    "text_differs": "A text in a shard differs from the index.",
    "base64": "An image is not valid base64.",
    "image_differs": "The images of a row differ from the index.",
    "image_undecodable": "An image cannot be decoded completely.",
    "image_metadata_differs": "The type, size, path or length stated for an image is wrong.",
    "readme_missing": "A README needed to load the folder does not exist.",
    "readme_header": "The header of a README is malformed, incomplete, or not that of the card.",
    "readme_files": "The file patterns of a README do not match exactly the shards.",
    "readme_features": "The features declared in a README are not those of the files.",
    "readme_counts": "Row or byte counts in a README differ from the manifest.",
    "arrow_state": "The JSON files beside Arrow shards are inconsistent with the shards.",
    "base": "The base of a sibling is missing, malformed, or was rebuilt since.",
    "base_row": "A row of a sibling is not in the same shard of its base.",
    "base_image": "An image of a sibling is not that of its row in the base.",
    "source_file": "A source file is missing, or its size differs from build time.",
    "source_image": "An image is missing from its source, or has other bytes there.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency; its fields are JSON keys of ``m3it verify --json``."""

    check: str  # a key of CHECKS
    where: str  # file, row
    detail: str


@dataclass(frozen=True, slots=True)
class CheckFindings:
    """All findings of one check; its fields are JSON keys of ``m3it verify --json``."""

    check: str
    about: str
    count: int
    examples: tuple[Finding, ...]  # the first MAX_KEPT


class Tally:
    """Counts findings and keeps the first of each check, so that memory stays bounded."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._kept: dict[str, list[Finding]] = {}

    def add(self, check: str, where: str, detail: str) -> None:
        """Add one finding."""
        self._counts[check] += 1
        kept = self._kept.setdefault(check, [])
        if len(kept) < MAX_KEPT:
            kept.append(Finding(check, where, detail[:300]))

    def extend(self, where: str, findings: Iterable[tuple[str, str]]) -> None:
        """Add findings, each as (check, detail), about the same file or row."""
        for check, detail in findings:
            self.add(check, where, detail)

    def merge(self, other: Tally) -> None:
        """Add all findings of another tally."""
        self._counts.update(other._counts)
        for check, findings in other._kept.items():
            kept = self._kept.setdefault(check, [])
            kept.extend(findings[: MAX_KEPT - len(kept)])

    def by_check(self) -> tuple[CheckFindings, ...]:
        """Return the findings grouped by check, in the order of CHECKS."""
        return tuple(
            CheckFindings(check, about, self._counts[check], tuple(self._kept[check]))
            for check, about in CHECKS.items()
            if self._counts[check]
        )
