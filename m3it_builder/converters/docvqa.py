"""DocVQA (SP-DocVQA, task 1): questions about scanned pages of business documents.

Images are named by a path of the older packing, ``documents/NAME.png``; the present archive
has no folders. The answers of a question are ways of writing one answer, not votes.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.vqa import first_answer, question_rows


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; the target is the first answer."""
    old = f"docvqa-old-layout/{source.file_split}"
    for row in question_rows(source, _annotations(source), "questionId"):
        if isinstance(row, Reject):
            yield row
            continue
        page = row["image"].rpartition("/")[2]
        answers = row.get("answers", [])  # withheld for test
        context = ""
        if source.option("ocr") == "lines":
            file = page.removesuffix(".png") + ".json"
            lines = _lines(source, f"docvqa-ocr/{file}", f"{old}/ocr_results/{file}")
            if lines is None:
                yield Reject(str(row["questionId"]), "metadata_missing", file)
                continue
            context = lines
        yield Record(
            id=str(row["questionId"]),
            turns=(Turn(row["question"].strip(), first_answer(answers)),),
            images=(source.image(f"docvqa-images/{page}", f"{old}/documents/{page}"),),
            context=context,
            meta={
                "image": page,
                "document_id": row["ucsf_document_id"],
                "page": row["ucsf_document_page_no"],
                "question_types": row.get("question_types", []),
                "answers": answers,
            },
        )


def _annotations(source: Source) -> str:
    """Return the file of the split; that of the older packing has no types of questions."""
    stem = f"docvqa-annotations/{source.file_split}_v1.0"
    if source.split == "test" or source.find(f"{stem}.json"):
        return f"{stem}.json"
    return f"{stem}_withQT.json"


def _lines(source: Source, *names: str) -> str | None:
    """Return the recognized lines of a page, or None if it has no file of them."""
    name = next(filter(source.find, names), None)
    if name is None:
        return None
    results = source.json(name)["recognitionResults"]
    lines = [line["text"] for result in results for line in result["lines"]]
    return "\n".join(["OCR text:", *lines]) if lines else ""
