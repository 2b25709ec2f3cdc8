"""Faults as values, and the tally that counts them all and keeps the first few of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 20  # faults of one check that are kept word for word

# Every check, and what is wrong where it finds something.
CHECKS = {
    "manifest_missing": "A split has an index or rejects, but no manifest: it was never finished.",
    "manifest_unreadable": "The manifest is not of the form this version reads.",
    "manifest_unit": "The manifest speaks of another task or split than its folder holds.",
    "manifest_counts": "Numbers of the manifest do not add up, or are not those of the files.",
    "manifest_paths": "Shards are not numbered from 0, or not in every format under their names.",
    "file_missing": "A file the manifest names is not there.",
    "file_size": "A file has another size than the manifest says.",
    "file_digest": "A file has other bytes than the manifest says.",
    "stray_file": "A file lies among the shards that no manifest names; loaders may read it.",
    "partial_file": "An unfinished file was left behind.",
    "index_unreadable": "The index cannot be read.",
    "index_schema": "The index has other columns than this version writes.",
    "index_order": "Rows of the index are not in the order of shards and rows.",
    "rejects_unreadable": "The list of rejects cannot be read.",
    "rejects_schema": "The list of rejects has other columns than this version writes.",
    "rejects_rows": "A reject is of another task or split, or has no id or no reason.",
    "repeated_id": "An id occurs more than once in a split.",
    "repeated_key": "A key of WebDataset members occurs more than once in a split.",
    "wrong_key": "The key of a row is not the one that follows from its id.",
    "null_value": "A value that must be there is null.",
    "damaged_text": "A text is not valid UTF-8, or holds a null character.",
    "wrong_unit": "A row says it is of another task or split.",
    "empty_output": "The target text is blank.",
    "empty_instruction": "The instruction is blank.",
    "empty_input": "There is neither an image nor an input to answer from.",
    "meta_json": "The meta of a row is no JSON object.",
    "language": "The language is no BCP 47 tag, or not the one of the card.",
    "license": "The license of a row or of its images is blank.",
    "image_count": "A row has fewer or more images than the card allows.",
    "image_facts": "What the index says of an image cannot be true of any.",
    "image_name": "The name of an image is not relative to its source.",
    "drawn": "An image without region differs from its source, or only some regions are drawn.",
    "region": "A region is on no image, upside down, outside its image, or of unknown color.",
    "choices": "The right answer is not the choice it is said to be.",
    "rendering": "Inputs or outputs are not what follows from turns, choices and regions.",
    "box_token": "A region's token was left in a published text.",
    "private": "A path or name of the building machine was left in a published text.",
    "secret": "A text holds what looks like a token or a private key.",
    "shard_unreadable": "A shard cannot be read.",
    "shard_schema": "A shard has other columns than it should.",
    "tar_header": "A tar member is not a plain ustar file without times and owners.",
    "tar_members": "Members of a tar are not KEY.json, KEY.0.jpg ... KEY.k.jpg, row by row.",
    "tar_end": "A tar does not end with two empty blocks, and nothing after them.",
    "parquet_layout": "Images are compressed in a Parquet file, or its pages are not indexed.",
    "row_missing": "A shard holds fewer rows than the index.",
    "row_extra": "A shard holds rows that the index does not know.",
    "row_order": "A shard holds another row in a place than the index says.",
    "row_place": "A row lies elsewhere in its file than the index says.",
    "text_differs": "A text of a shard is not that of the index.",
    "base64": "An image is no base64 text.",
    "image_differs": "The images of a row are not those of the index.",
    "image_undecodable": "An image does not decode to its last pixel.",
    "image_described": "Type, size, name or length of an image is not what is said of it.",
    "readme_missing": "A README that makes the folder load is not there.",
    "readme_header": "The header of a README cannot be read, or lacks what loaders need.",
    "readme_files": "The patterns of a README do not match exactly the shards.",
    "readme_features": "The features a README declares are not those of the files.",
    "readme_numbers": "Rows or bytes in a README are not those of the manifest.",
    "arrow_state": "The JSON files beside Arrow shards do not agree with them.",
    "source_file": "A source file is not there, or not the one the build was made from.",
    "source_image": "An image is not in its source any more, or has other bytes there.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it should be."""

    check: str  # one of CHECKS
    where: str  # file, row
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """All faults of one check."""

    check: str
    about: str
    count: int
    faults: tuple[Fault, ...]  # the first SHOWN


class Tally:
    """Counts faults, and keeps the first of each check, so that a bad build fills no memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, list[Fault]] = {}

    def add(self, check: str, where: str, detail: str) -> None:
        """Note one fault."""
        self._counts[check] += 1
        kept = self._first.setdefault(check, [])
        if len(kept) < SHOWN:
            kept.append(Fault(check, where, detail[:300]))

    def extend(self, where: str, found: Iterable[tuple[str, str]]) -> None:
        """Note faults of one place, each as (check, detail)."""
        for check, detail in found:
            self.add(check, where, detail)

    def merge(self, other: Tally) -> None:
        """Take over what another tally counted."""
        self._counts.update(other._counts)
        for check, faults in other._first.items():
            kept = self._first.setdefault(check, [])
            kept.extend(faults[: SHOWN - len(kept)])

    def findings(self) -> tuple[Finding, ...]:
        """Return what was found, in the order of the checks."""
        return tuple(
            Finding(check, about, self._counts[check], tuple(self._first[check]))
            for check, about in CHECKS.items()
            if self._counts[check]
        )
