"""TextVQA v0.5.1: questions that require reading the text in a photograph.

Validation images are in the archive and folder of the training images. Ten people answered
each question, and there is no official answer.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.vqa import most_common, question_rows

FOLDERS = {
    "train": "openimages-textvqa-trainval-images/train_images",
    "validation": "openimages-textvqa-trainval-images/train_images",
    "test": "openimages-textvqa-test-images/test_images",
}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; the target is the answer that most people gave."""
    tokens = source.lookup(_tokens(source) if source.option("ocr") == "tokens" else ())
    file = f"textvqa-annotations/TextVQA_0.5.1_{source.file_split}.json"
    for row in question_rows(source, file, "question_id"):
        if isinstance(row, Reject):
            yield row
            continue
        answers = row.get("answers", [])  # withheld for test
        yield Record(
            id=str(row["question_id"]),
            turns=(Turn(row["question"].strip(), most_common(answers)),),
            images=(source.image(f"{FOLDERS[source.split]}/{row['image_id']}.jpg"),),
            context=tokens.get(row["image_id"]) or "",
            meta={
                "image_id": row["image_id"],
                "image_classes": row["image_classes"],
                "answers": answers,
            },
        )


def _tokens(source: Source) -> Iterator[tuple[str, str]]:
    file = f"textvqa-rosetta-ocr/TextVQA_Rosetta_OCR_v0.2_{source.file_split}.json"
    for row in source.items(file, "data"):
        if words := [word for token in row["ocr_tokens"] if (word := token.strip())]:
            yield row["image_id"], f"OCR tokens: {', '.join(words)}"
