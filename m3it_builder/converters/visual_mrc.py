"""VisualMRC: questions about screenshots of web pages, answered in sentences.

A file has one page per line, with all questions about it and the words in its regions.
Screenshots are in a folder per site, and two dots in a name are part of the name.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.records import JsonObject


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; its number on the page is part of its id."""
    part = "dev" if source.split == "validation" else source.split
    for page in source.jsonl(f"visual-mrc/data/{part}.jsonl"):
        file = page["image_filename"]
        context = _words(page) if source.option("ocr") == "words" else ""
        for number, pair in enumerate(page["qa_data"]):
            id = f"{file}#{number}"
            question = pair["question"]["text"].strip()
            if not question:
                yield Reject(id, "no_question")
                continue
            yield Record(
                id=id,
                turns=(Turn(question, pair["answer"]["text"].strip()),),
                images=(source.image(f"visual-mrc/images/{file}"),),
                context=context,
                meta={
                    "image": file,
                    "url": page.get("url", ""),
                    "relevant": pair["answer"].get("relevant", []),
                },
            )


def _words(page: JsonObject) -> str:
    """Return the recognized words of a page, a line per region."""
    regions = [[word["word"] for word in box["ocr_info"]] for box in page["bounding_boxes"]]
    return "\n".join(["OCR text:", *map(" ".join, filter(None, regions))]) if any(regions) else ""
