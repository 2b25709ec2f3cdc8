"""The first pass over a published file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blake3 import blake3

from m3it_builder.adopt.scan import ScanSummary, load_summary, scan
from m3it_builder.adopt.scan_all import scan_job
from m3it_builder.adopt.scanned_rows import MalformedLine, ScannedLine, ScannedRow, read_scanned
from m3it_builder.sources.base64_span import decode_span
from tests.support import published


def scan_lines(folder: Path, *lines: bytes) -> tuple[ScanSummary, list[ScannedLine]]:
    file = folder / "train.jsonl"
    file.write_bytes(b"\n".join(lines))
    job = scan_job(file, "train.jsonl", folder / "scans")
    summary = scan(job)
    assert load_summary(job) == summary
    return summary, list(read_scanned(Path(job.rows_path)))


def test_image_spans_locate_and_identify_the_images(tmp_path: Path) -> None:
    row = {"image_str": [published.b64(1), published.b64(2)], "outputs": "x", "label": 3}
    summary, (scanned,) = scan_lines(tmp_path, b"", b" ", json.dumps(row).encode())
    assert isinstance(scanned, ScannedRow)
    assert (scanned.line, scanned.outputs, scanned.meta) == (3, "x", {"label": 3})
    content = (tmp_path / "train.jsonl").read_bytes()
    for number, image in enumerate(scanned.images, 1):
        data = decode_span(content[image.offset : image.offset + image.stored_length])
        assert data == published.image(number)
        assert image.length == len(data)
        assert image.digest == blake3(data).hexdigest()
    assert (summary.lines, summary.rows, summary.images, summary.max_images) == (1, 1, 2, 2)


def test_a_changed_file_makes_its_scan_stale(tmp_path: Path) -> None:
    scan_lines(tmp_path, b'{"answer": "x"}')
    file = tmp_path / "train.jsonl"
    file.write_bytes(b'{"answer": "other"}')
    assert load_summary(scan_job(file, "train.jsonl", tmp_path / "scans")) is None


@pytest.mark.parametrize("key", ["a\\ud800", "\\udfff"])
def test_lone_surrogates_are_rejected_or_replaced(tmp_path: Path, key: str) -> None:
    lines = [
        b'{"answer": "x", "%s": null}' % key.encode(),
        b'{"answer": "x", "%s": 1}' % key.encode(),
        b'{"answer": "%s"}' % key.encode(),
    ]
    summary, (row, *malformed) = scan_lines(tmp_path, *lines)
    assert isinstance(row, ScannedRow)
    assert [item.reason for item in malformed if isinstance(item, MalformedLine)] == [
        "damaged_text",
        "damaged_text",
    ]
    assert summary.roles["answer"] == {"outputs": 1}
    assert len(summary.roles) == 2


@pytest.mark.parametrize("text", ["AAA", "A===", "AA=A", "é", "AA AA=", "image.jpg"])
def test_malformed_base64_is_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):
        decode_span(text.encode())
    line = json.dumps({"image_str": text, "outputs": "x"}, ensure_ascii=False).encode()
    (item,) = scan_lines(tmp_path, line)[1]
    assert isinstance(item, MalformedLine)
    assert item.reason == "bad_base64"
