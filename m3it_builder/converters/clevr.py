"""CLEVR v1.0: generated questions about rendered scenes of simple solids.

The steps of a program have their name under ``function`` in version 1.0, and under ``type`` in
what the published generator writes. Test questions have neither program nor answer. Images are
PNG files with an alpha channel.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

FOLDER = "clevr/CLEVR_v1.0"


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question."""
    part = source.file_split
    for row in source.items(f"{FOLDER}/questions/CLEVR_{part}_questions.json", "questions"):
        number, question = str(row["question_index"]), row["question"].strip()
        if not question:
            yield Reject(number, "no_question")
            continue
        steps = [step.get("function") or step["type"] for step in row.get("program", ())]
        yield Record(
            id=number,
            turns=(Turn(question, str(row.get("answer", "")).strip()),),
            images=(source.image(f"{FOLDER}/images/{part}/{row['image_filename']}"),),
            meta={
                "image_index": row["image_index"],
                "question_family_index": row.get("question_family_index"),
                "program": steps,
            },
        )
