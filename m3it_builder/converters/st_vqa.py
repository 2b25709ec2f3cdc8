"""ST-VQA, task 3: questions whose answers are written in the scene.

Images come from six datasets, each with a folder of its own. Some cannot be decoded, which the
packer reports.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.vqa import Row, first_answer, question_rows

FOLDERS = ("", "1/", "2/")  # of Visual Genome, which is in two parts


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per question; the target is the first answer."""
    file = f"st-vqa-annotations/{source.file_split}_task_3.json"
    for row in question_rows(source, file, "question_id"):
        if isinstance(row, Reject):
            yield row
            continue
        answers = row.get("answers", [])  # withheld for test
        name, *others = _paths(row)
        yield Record(
            id=str(row["question_id"]),
            turns=(Turn(row["question"].strip(), first_answer(answers)),),
            images=(source.image(name, *others),),
            meta={
                "dataset": row.get("dataset", ""),
                "file_name": row["file_name"],
                "answers": answers,
            },
        )


def _paths(row: Row) -> list[str]:
    if path := row.get("file_path"):
        return [f"st-vqa-images/{path}"]
    return [f"st-vqa-images/{row['dataset']}/{folder}{row['file_name']}" for folder in FOLDERS]
