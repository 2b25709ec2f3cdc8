"""COCO image-text matching: a wrong caption is never also right."""

from __future__ import annotations

from pathlib import Path

from m3it_builder import load_task
from m3it_builder.samples import coco as sample
from m3it_builder.samples.files import write_coco
from tests.support.conversion import WORLD, convert


def test_no_right_caption_among_the_wrong_ones(tmp_path: Path) -> None:
    """Most captions also belong to a neighboring image: right for both, wrong for neither."""
    images = []
    for index in range(1, 25):
        entry = sample.image(WORLD, "train", "train2014", index)
        for n, sentence in enumerate(entry["sentences"][:4]):
            sentence["raw"] = f"Zebra number {n} of herd {index // 2} in the grass."
        images.append(entry)
    single = sample.image(WORLD, "val", "val2014", 1)
    sample.write_images(tmp_path, [*images, single])
    write_coco(tmp_path, WORLD, "train2014", range(1, 25))
    write_coco(tmp_path, WORLD, "val2014", [1])
    rows, rejects = convert(load_task("coco-itm"), "train", tmp_path)
    assert (len(rows), rejects) == (24, [])
    own = {str(p["cocoid"]): {s["raw"] for s in p["sentences"]} for p in images}
    golds = set()
    for row in rows:
        (turn,) = row.record.turns
        assert len(set(turn.choices)) == 5
        assert own[row.record.id].intersection(turn.choices) == {turn.answer}
        golds.add(turn.gold)
    assert golds == {0, 1, 2, 3, 4}, "the right one may have any index"
    number = str(single["cocoid"])
    assert convert(load_task("coco-itm"), "validation", tmp_path) == (
        [],
        [(number, "too_few_captions")],
    )
