"""Streamed JSON is what the json module reads, wherever the buffer happens to end."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.sources import json_stream as module
from m3it_builder.sources.json_stream import JsonStream, TruncatedJsonError

keys = st.sampled_from(["a", "b", "rows", "", "é"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["\ud83d\ude00", '"', "\\", "\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(keys, values, max_size=4) | st.lists(values, max_size=5)
paths = st.lists(keys, max_size=3).map(".".join)


def stream(document: str, chunk: int = 1 << 20) -> JsonStream:
    return JsonStream(_Pieces(document.encode(), chunk))


class _Pieces(io.BytesIO):
    """A file that returns a few bytes at a time, as a decompressor may."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self._size, size if size and size > 0 else self._size))


def at(document: Any, path: str) -> Any:
    for key in path.split(".") if path else []:
        document = document.get(key) if isinstance(document, dict) else None
    return document


@given(
    document=documents,
    path=paths,
    chunk=st.integers(1, 40),
    indent=st.none() | st.integers(0, 2),
    ascii_only=st.booleans(),
)
def test_agrees_with_the_json_module(
    document: Any, path: str, chunk: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    if not ascii_only:
        text = text.encode(errors="replace").decode()  # lone surrogates are not UTF-8
    expected: Any = at(json.loads(text), path)
    for kind, method in ((list, "items"), (dict, "entries")):
        values = getattr(stream(text, chunk), method)(path)
        if isinstance(expected, kind):
            # repr: 1, 1.0 and True are equal.
            found = list(values)
            assert repr(found if kind is list else dict(found)) == repr(expected)
        else:
            with pytest.raises(LookupError):
                list(values)
    if expected is not None:
        assert repr(stream(text, chunk).first(path)) == repr(expected)


@given(document=documents, path=paths, cut=st.integers(0, 200), chunk=st.integers(1, 40))
def test_no_part_of_a_document_passes_for_it(
    document: Any, path: str, cut: int, chunk: int
) -> None:
    text = json.dumps(document)
    cut = min(cut, len(text) - 1)
    for method in ("items", "entries"):
        with pytest.raises(TruncatedJsonError, match=r"ends early, after [\d,]+ characters$"):
            list(getattr(stream(text[:cut], chunk), method)(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2,]", "Expecting value at character 6"),
        ("[1 2]", "expected a comma or ] at character 3"),
        ("[1] 2", "text after the end of the document at character 4"),
        ('[{"a": tru}, 1]' + " " * 50, "Expecting value at character 7"),
        ('[{"a": "\t"}]' + " " * 50, "Invalid control character at at character 8"),
        ("[" * 200_000, "nested too deeply at character 1"),
    ],
)
def test_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        list(stream(text).items(""))


def test_what_is_not_json_but_common() -> None:
    read = list(
        stream('[NaN, -Infinity, 1e400, "\\ud800", 123456789012345678901234567890]').items("")
    )
    assert repr(read) == "[nan, -inf, inf, '\\ud800', 123456789012345678901234567890]"
    assert list(JsonStream(io.BytesIO(b"\xef\xbb\xbf[1]")).items("")) == [1]
    with pytest.raises(UnicodeDecodeError):
        list(JsonStream(io.BytesIO(b'["\xff"]')).items(""))


def test_members_of_the_same_name_are_all_read() -> None:
    assert list(stream('{"a": [1], "b": 0, "a": [2]}').items("a")) == [1, 2]


def test_a_value_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error at the start of a large file must not lead to all of it in memory."""
    monkeypatch.setattr(module, "_MAX_VALUE", 1 << 20)
    endless = io.BytesIO(b'["' + b"x" * (8 << 20))
    with pytest.raises(ValueError, match=r"a value of more than 1,048,576 characters"):
        list(JsonStream(endless).items(""))
    assert endless.tell() < 4 << 20


def test_corrupt_values_are_noticed_at_once() -> None:
    file = io.BytesIO(b'[{"a": tru}' + b", 1" * (4 << 20) + b"]")
    with pytest.raises(ValueError, match="at character 7"):
        list(JsonStream(file).items(""))
    assert file.tell() <= 1 << 20


@given(document=documents, chunk=st.integers(1, 40))
def test_whole_document_is_accepted(document: Any, chunk: int) -> None:
    stream(json.dumps(document), chunk).check()


@pytest.mark.parametrize(
    "text",
    ["[1] 2", "{]", "[1;2]", "{'a': 1}", '{"a" 1}', "[\xff]", "[tru]", "[1,]", "[1.]", r'["\u12"]'],
)
def test_other_text_is_not_called_truncated(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        JsonStream(io.BytesIO(text.encode("latin-1"))).check()
    assert not isinstance(caught.value, TruncatedJsonError)


def test_elements_after_a_refill_are_read_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[Any] = []
    read = JsonStream._value

    def counted(self: JsonStream) -> Any:
        slow.append(read(self))
        return slow[-1]

    monkeypatch.setattr(JsonStream, "_value", counted)
    document = json.dumps([{"number": number} for number in range(2_000)])
    assert len(list(stream(document, 4_000).items(""))) == 2_000
    assert len(slow) <= 2 * (len(document) // 4_000 + 1)
