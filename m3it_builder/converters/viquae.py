"""ViQuAE: questions about an entity that only the image shows.

``input`` says "this singer" where ``original_question`` names the entity, so the latter must not
be used. Images are named by their titles on Wikimedia Commons, in several spellings.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.commons import spellings


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; the target is the answer of its author."""
    for row in source.jsonl(f"viquae-annotations/{source.split}.jsonl"):
        question, output = row["input"].strip(), row["output"]
        answers = [text for text in map(str.strip, output["answer"]) if text]
        answer = output["original_answer"].strip() or next(iter(answers), "")
        if not question:
            yield Reject(row["id"], "no_question")
        elif not answer:
            yield Reject(row["id"], "no_answer")
        elif not row["image"]:
            yield Reject(row["id"], "no_image")
        else:
            names = [f"viquae-images/images/{name}" for name in spellings(row["image"])]
            yield Record(
                id=row["id"],
                turns=(Turn(question, answer),),
                images=(source.image(*names),),
                meta={
                    "image": row["image"],
                    "url": row["url"],
                    "wikidata_id": row["wikidata_id"],
                    "kilt_id": row["kilt_id"],
                    "answers": answers,
                },
            )
