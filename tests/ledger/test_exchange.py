"""Export and import."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3it_builder.errors import LedgerError
from m3it_builder.ledger import exchange
from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.exchange import export, portable_model
from m3it_builder.ledger.importing import Imported, import_answers, require_export
from m3it_builder.ledger.store import Ledger
from tests.support.ledgers import fill, key, new_answer, new_attempt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def import_into(path: Path, file: Path) -> Imported:
    with Ledger(path) as ledger:
        return import_answers(ledger, file)


def test_bytes_do_not_depend_on_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_ROWS", 7)
    numbers = list(range(40))
    files = []
    for seed in range(3):
        random.Random(seed).shuffle(numbers)
        fill(tmp_path / f"{seed}.sqlite", numbers)
        export(tmp_path / f"{seed}.sqlite", tmp_path / f"{seed}")
        files.append((tmp_path / f"{seed}" / "answers.parquet").read_bytes())
    assert files[0] == files[1] == files[2]
    keys = pq.read_table(tmp_path / "0" / "answers.parquet").column("key").to_pylist()
    assert keys == sorted(map(key, numbers))


def test_an_import_of_an_export_is_the_same(tmp_path: Path, path: Path) -> None:
    fill(path, range(10))
    assert export(path, tmp_path / "a").answers == 10
    copy = tmp_path / "copy.sqlite"
    assert import_into(copy, tmp_path / "a") == Imported(added=10, equal=0, differing=0)
    assert import_into(copy, tmp_path / "a" / "answers.parquet").equal == 10
    export(copy, tmp_path / "b")
    first, second = (tmp_path / name / "answers.parquet" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_attempts_are_a_log_of_what_was_paid(tmp_path: Path, path: Path) -> None:
    fill(path, [0])
    with Ledger(path) as ledger:
        (claim,) = ledger.claim([new_attempt(1, mode="batch", batch="ours-1")])
        ledger.fail(claim.attempt or 0, "expired", 0.0)
    export(path, tmp_path / "out")
    first, second = pq.read_table(tmp_path / "out" / "attempts.parquet").to_pylist()
    assert (first["request_id"], first["cost_usd"], first["state"]) == ("req-1", 0.125, "answered")
    assert (second["batch"], second["error"], second["mode"]) == ("ours-1", "expired", "batch")
    assert first["started_at"].year >= 2024
    assert "owner" not in first


def test_the_first_answer_is_kept_and_differing_ones_are_counted(
    tmp_path: Path, path: Path
) -> None:
    fill(path, range(5))
    other = tmp_path / "other.sqlite"
    fill(other, range(3, 5), text="Another answer.")
    fill(other, range(2, 8))
    export(other, tmp_path / "out")
    with open_answers(path) as answers:
        mark = answers.mark()
    assert import_into(path, tmp_path / "out") == Imported(added=3, equal=1, differing=2)
    with open_answers(path) as answers:
        found = dict(answers.get_many(map(key, range(8))))
        assert answers.mark() != mark
    assert found == {key(number): new_answer(number) for number in range(8)}


def test_exports_have_nothing_of_the_machine(tmp_path: Path, path: Path) -> None:
    model = "/home/user/models/example-7b.gguf"
    fill(path, [0], model=model, answered_model="http://10.0.0.1:8000/example-7b.gguf")
    export(path, tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "answers.parquet").to_pylist()
    assert row["model"] == row["answered_model"] == "example-7b.gguf"
    for file in (tmp_path / "out").iterdir():
        data = (
            b"".join(str(row).encode() for row in pq.read_table(file).to_pylist())
            + file.read_bytes()
        )
        for word in (b"/home", b"10.0.0.1", os.uname().nodename.encode(), bytes(tmp_path)):
            assert word not in data


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B"),
        ("qwen2.5:7b", "qwen2.5:7b"),
        ("/models/x.gguf", "x.gguf"),
        ("/models/folder/", "folder"),
        ("../x.gguf", "x.gguf"),
        ("~/models/x", "x"),
        ("C:\\models\\x.gguf", "x.gguf"),
        ("\\\\host\\share\\x", "x"),
        ("file:///models/x", "x"),
        ("hf.co/user/model", "hf.co/user/model"),
        ("", ""),
        ("/", ""),
    ],
)
def test_models_are_named_without_folders(name: str, expected: str) -> None:
    assert portable_model(name) == expected


def test_files_of_an_earlier_export_are_replaced_and_no_others(tmp_path: Path, path: Path) -> None:
    fill(path, [0])
    export(path, tmp_path / "out")
    assert export(path, tmp_path / "out").answers == 1
    file = tmp_path / "out" / "attempts.parquet"
    for content in (b"mine", b""):
        file.write_bytes(content)
        with pytest.raises(LedgerError, match=r"attempts.parquet: not a file of an export; "):
            export(path, tmp_path / "out")
        assert file.read_bytes() == content
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "answers.parquet",
        "attempts.parquet",
    ]
    with pytest.raises(LedgerError, match="cannot be written"):
        export(path, file)


def test_nothing_is_left_if_the_ledger_is_damaged(tmp_path: Path, path: Path) -> None:
    fill(path, range(60))
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(bytes(path.stat().st_size - 5 * 4096))
    with pytest.raises(LedgerError, match="damaged"):
        export(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


TABLE = pa.Table.from_pylist(
    [msgspec.structs.asdict(new_answer(number)) for number in range(2_500)],
    schema=exchange.ANSWER_SCHEMA,
)


def with_column(name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return TABLE.set_column(TABLE.schema.get_field_index(name), TABLE.schema.field(name), values)


def with_value(name: str, row: int, value: object) -> pa.Table:
    values = TABLE.column(name).to_pylist()
    values[row] = value
    return with_column(name, pa.array(values, TABLE.schema.field(name).type))


def not_utf8() -> pa.Table:
    values = [b"text"] * (len(TABLE) - 1) + [b"\xff"]
    binary = pa.array(values, pa.binary())
    return with_column("text", pa.StringArray.from_buffers(len(TABLE), *binary.buffers()[1:]))


def with_version(version: bytes) -> pa.Table:
    return TABLE.replace_schema_metadata({exchange.VERSION_KEY: version})


TABLES: list[tuple[Callable[[], pa.Table], str]] = [
    (lambda: with_value("key", 2_000, "x"), "row 2,001: 'x' is not the key of a request"),
    (lambda: with_value("output_tokens", 2_499, -1), "row 2,500: output_tokens is negative"),
    (not_utf8, "cannot be read"),
    (lambda: TABLE.drop_columns(["refusal"]), "the columns are not those of answers"),
    (lambda: TABLE.replace_schema_metadata({}), "not an export of answers"),
    (lambda: with_version(b"2"), "of version 2, which is later than 1"),
    (lambda: with_version(b"9" * 10_000), "which is later than 1"),
]


@pytest.mark.parametrize(("table", "expected"), TABLES)
def test_malformed_files_add_nothing(
    tmp_path: Path, path: Path, table: Callable[[], pa.Table], expected: str
) -> None:
    file = tmp_path / "answers.parquet"
    pq.write_table(table(), file)
    with pytest.raises(LedgerError) as caught:
        import_into(path, file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ")
    assert expected in text
    assert len(text) < 400 + len(str(file))
    with open_answers(path) as answers:
        assert (answers.count(), answers.latest()) == (0, 0)


def test_files_that_are_not_parquet(tmp_path: Path, path: Path) -> None:
    file = tmp_path / "answers.parquet"
    with pytest.raises(LedgerError, match="does not exist; give answers"):
        require_export(tmp_path)
    for content in (b"", b"key,text\n", b"PAR1" * 10):
        file.write_bytes(content)
        with pytest.raises(LedgerError, match="cannot be read"):
            require_export(file)
    pq.write_table(TABLE, file)
    require_export(file)
    data = bytearray(file.read_bytes())
    os.truncate(file, len(data) // 2)
    with pytest.raises(LedgerError, match="cannot be read"):
        import_into(path, file)


@settings(max_examples=40)
@given(st.integers(4, 10_000), st.binary(min_size=1, max_size=40))
def test_damaged_files_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, position: int, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    file = folder / "answers.parquet"
    pq.write_table(TABLE.slice(0, 50), file)
    data = bytearray(file.read_bytes())
    start = position % len(data)
    data[start : start + len(noise)] = noise
    file.write_bytes(data)
    try:
        import_into(folder / "answers.sqlite", file)
    except LedgerError as error:
        assert str(error).startswith(f"{file}: ")
        with open_answers(folder / "answers.sqlite") as answers:
            assert answers.count() == 0
