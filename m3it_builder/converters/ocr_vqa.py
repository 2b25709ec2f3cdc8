"""OCR-VQA: questions about the covers of books.

``dataset.json`` is one object of books by ISBN or ASIN, with parallel lists of questions and
answers. A cover is saved under the id of its book; downloads by img2dataset are numbered.
"""

from collections.abc import Iterator
from functools import partial

from m3it_builder import Image, Record, Reject, Source, Turn
from m3it_builder.formats.groups import one_of_each
from m3it_builder.formats.img2dataset import names_by_url
from m3it_builder.records import JsonObject

SPLITS = {1: "train", 2: "val", 3: "test"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per book, or one per question."""
    downloads = names_by_url(source, "ocr-vqa-images")
    everything = source.option("questions") == "all"
    for isbn, book in source.entries("ocr-vqa-annotations/dataset.json"):
        if not source.in_split(SPLITS.get(book["split"], book["split"])):
            continue
        questions, answers = book["questions"], book["answers"]
        if len(questions) != len(answers):
            detail = f"{len(questions)} questions, {len(answers)} answers"
            yield Reject(isbn, "unequal_lengths", detail)
            continue
        pairs = []
        for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            if question.strip() and answer.strip():
                pairs.append((f"{isbn}-{number}", Turn(question.strip(), answer.strip())))
            else:
                yield Reject(f"{isbn}-{number}", "no_answer" if question.strip() else "no_question")
        url = book["imageURL"]
        name = f"ocr-vqa-images/images/{isbn}.{url.rpartition('.')[2]}"
        make = partial(_record, book, source.image(name, *downloads.all(url)[:1]))
        if pairs or not questions:
            yield from one_of_each([(isbn, pairs)], make, source.task, everything)


def _record(book: JsonObject, image: Image, pair: tuple[str, Turn]) -> Record:
    kept = {key: book[key] for key in ("title", "authorName", "genre", "imageURL")}
    return Record(id=pair[0], turns=(pair[1],), images=(image,), meta=kept)
