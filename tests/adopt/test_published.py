"""The table of the published collections."""

from __future__ import annotations

from m3it_builder.adopt.published import language, published, task_of


def test_totals_are_those_of_the_paper() -> None:
    table = published()
    assert len(table.languages) == 80
    totals = {s: 0 for s in ("train", "validation", "test")}
    for task in table.tasks.values():
        for split, rows in (task.rows or {}).items():
            totals[split] += rows
    assert totals["train"] == 1_592_320
    assert len(table.tasks) == 42
    assert sum(task.held_out for task in table.tasks.values()) == 13


def test_tasks_are_found_by_folder_name() -> None:
    tasks = {"vqav2": "vqa-v2", "visual_dialog": "visual-dialog", "itm": "coco-itm",
             "science_qa": "science-qa", "birds": None}  # fmt: skip
    assert {folder: task_of(folder) for folder in tasks} == tasks


def test_language_codes_become_bcp_47_tags() -> None:
    codes = {"zh": "zh", "zho_Hans": "zh", "arb_Arab": "ar", "xho_Latn": "xho-Latn", "small": None}
    assert {code: language(code) for code in codes} == codes
