"""VSR: does a caption state the spatial relation of two objects correctly?

The images are those of COCO 2017, training and validation mixed; ``image_link`` has the folder.
Votes are lists in the unsplit files, and strings such as ``"[2, 10, 1]"`` in those of splits.
"""

import json
from collections.abc import Iterator
from typing import Any

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import named_image

LABELS = ("true", "false")
FILE_SPLITS = {"train": "train", "validation": "dev", "test": "test"}
VOTES = ("vote_true_validator_id", "vote_false_validator_id")
# Random splits have the frame of reference, zero-shot ones the two concepts.
KEPT = ("image", "relation", "annotator_id", "reference_frame", "subj", "obj")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per caption; rows have no id, so it is image and line."""
    division, part = source.option("division"), FILE_SPLITS[source.split]
    for line, row in enumerate(source.jsonl(f"vsr-annotations/{division}/{part}.jsonl")):
        number = f"{row['image'].partition('.')[0]}-{line}"
        caption, label = row["caption"].strip(), row["label"]
        if label not in (0, 1):
            yield Reject(number, "no_answer", f"label {label!r}")
            continue
        if not caption:
            yield Reject(number, "no_question")
            continue
        folder, file = row["image_link"].split("/")[-2:]
        names = (f"vsr-images/trainval2017/{row['image']}", named_image(source, folder, file).name)
        yield Record(
            id=number,
            turns=(Turn(caption, LABELS[1 - label], LABELS, 1 - label),),
            images=(source.image(*names),),
            meta={key: row[key] for key in KEPT if key in row}
            | {key: _votes(row[key]) for key in VOTES},
        )


def _votes(value: str | list[int]) -> Any:
    return json.loads(value) if isinstance(value, str) else value
