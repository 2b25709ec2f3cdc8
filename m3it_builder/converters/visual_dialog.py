"""VisDial v1.0: dialogs of ten questions and answers about a captioned image.

Questions and answers are indices into two pools of texts. A training image may be in
COCO's train2014 or val2014; the annotations do not say which.
"""

from collections.abc import Iterator

from m3it_builder import Image, Record, Reject, Source, Turn


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per dialog: the caption is context, every round a turn."""
    file = f"visdial-annotations/visdial_1.0_{source.file_split}.json"
    questions = source.lookup(enumerate(source.items(file, "data.questions")))
    answers = source.lookup(enumerate(source.items(file, "data.answers")))
    for dialog in source.items(file, "data.dialogs"):
        rounds = dialog["dialog"]
        yield Record(
            id=str(dialog["image_id"]),
            turns=tuple(
                Turn(
                    questions[one["question"]] + "?",
                    answers[one["answer"]] if "answer" in one else "",  # withheld for test
                )
                for one in rounds
            ),
            images=(_image(source, dialog["image_id"]),),
            context=dialog["caption"].strip(),
            meta={"image_id": dialog["image_id"], "rounds": len(rounds)},
        )


def _image(source: Source, number: int) -> Image:
    if source.split == "train":
        return source.image(
            f"coco-2014-train-images/train2014/COCO_train2014_{number:012d}.jpg",
            f"coco-2014-val-images/val2014/COCO_val2014_{number:012d}.jpg",
        )
    folder = f"VisualDialog_{source.file_split}2018"
    return source.image(f"visdial-images/{folder}/{folder}_{number:012d}.jpg")
