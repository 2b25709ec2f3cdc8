"""A-OKVQA: questions about COCO photographs that need knowledge, with reasons.

Images are those of COCO 2017, in the folder of the record's own split. A download of COCO 2014
has them, too; the split does not determine in which folder, so both are tried.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import image_2014, image_2017
from m3it_builder.formats.vqa import first_answer, listed, most_common
from m3it_builder.records import JsonObject

FOLDERS = ("train2014", "val2014")
KEPT = ("image_id", "choices", "correct_choice_idx", "difficult_direct_answer")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; test questions have no answers."""
    for row in source.items(f"a-okvqa-annotations/aokvqa_v1p0_{source.file_split}.json"):
        answers, reasons = (listed(row.get(key)) for key in ("direct_answers", "rationales"))
        turn = _turn(str(source.option("target")), row, answers, reasons)
        if turn.answer or source.split == "test":
            number = row["image_id"]
            others = [image_2014(source, folder, number).name for folder in FOLDERS]
            image = image_2017(source, f"{source.file_split}2017", number)
            yield Record(
                id=row["question_id"],
                turns=(turn,),
                images=(source.image(image.name, *others),),
                meta={key: row.get(key) for key in KEPT}
                | {"direct_answers": answers, "rationales": reasons},
            )
        else:
            yield Reject(row["question_id"], "no_answer")


def _turn(target: str, row: JsonObject, answers: list[str], reasons: list[str]) -> Turn:
    question, gold = row["question"].strip(), row.get("correct_choice_idx")
    correct = "" if gold is None else row["choices"][gold]
    if target == "choice":
        return Turn(question, correct, tuple(row["choices"]), gold)
    if target == "answer":
        return Turn(question, most_common(answers, correct))
    reason = first_answer(reasons)
    if not reason or not correct:
        return Turn(question, "")
    stop = "" if reason.endswith((".", "!", "?")) else "."
    return Turn(question, f"{reason}{stop} So the answer is {correct.strip()}.")
