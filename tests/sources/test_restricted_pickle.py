"""The restricted unpickler: every plain value loads, nothing else does."""

from __future__ import annotations

import pickle
import tracemalloc
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.errors import SourceError
from m3it_builder.samples.python2_pickle import dumps
from m3it_builder.sources.restricted_pickle import load_restricted

plain_values = st.recursive(
    st.integers(-(2**31), 2**31 - 1) | st.text(max_size=300) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain_values)
def test_python_2_pickles(value: Any) -> None:
    assert load_restricted(dumps(value), "x.p") == value


@given(plain_values)
def test_unicode_strings(value: Any) -> None:
    """Strings read from JSON are ``unicode`` in Python 2, not byte strings."""
    for protocol in (0, 1, 2):
        assert load_restricted(pickle.dumps(value, protocol), "refs.p") == value


def test_protocol_0() -> None:
    """It is ASCII text: other bytes are escaped, a ``long`` ends in L."""
    data = b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xc3\\xa9'\np3\nsS'ref_id'\nL12L\nsS'area'\nF2.5\nsa."
    assert load_restricted(data, "refs.p") == [{"sent": "café", "ref_id": 12, "area": 2.5}]


def test_byte_strings_that_are_not_utf_8() -> None:
    assert load_restricted(b"(S'caf\\xe9'\nS'caf\\xc3\\xa9'\nt.", "refs.p") == ("café", "café")


@pytest.mark.parametrize(
    "attack",
    [
        b"cos\nsystem\n(S'echo hacked > /tmp/hacked'\ntR.",
        b"\x80\x02c__builtin__\neval\nX\x04\x00\x00\x001+1\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
        b"\x80\x02ccopy_reg\n_reconstructor\n.",
        b"Pid\n.",
        pickle.dumps(OrderedDict(a=1)),
    ],
)
def test_names_are_not_allowed(attack: bytes) -> None:
    with pytest.raises(SourceError, match=r"refs\.p: the pickle refers to .* was not loaded"):
        load_restricted(attack, "refs.p")


@pytest.mark.parametrize("data", [b"", b"nonsense", dumps([1, 2, 3])[:-4], b"\x80\x02]q\x00("])
def test_corrupt_pickles(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"refs\.p: the pickle is truncated or corrupt"):
        load_restricted(data, "refs.p")


def nested(levels: int) -> bytes:
    return b"]" * levels + b"a" * (levels - 1) + b"."


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02]q\x00h\x00a.",  # a list in itself
        b"\x80\x02}q\x00U\x01ah\x00s.",  # a dict in itself
        nested(200_000),
        b"(" * 200_000 + b"t" * 200_000 + b".",
        b"\x80\x04\x8e" + (2**63 + 1).to_bytes(8, "little") + b".",  # BINBYTES8
        b"\x80\x05\x96" + (2**63 + 1).to_bytes(8, "little") + b".",  # BYTEARRAY8
        b"\x80\x02K\x01K\x02a.",  # appends to a number
        b"\x80\x02]}U\x01aK\x01sb.",  # sets the state of a list
    ],
)
def test_values_that_no_reference_has(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"refs\.p: the pickle is truncated or corrupt"):
        load_restricted(data, "refs.p")


def test_shared_values_are_decoded_once() -> None:
    """Thirty levels of ten references each: 10^30 texts, if every reference were followed."""
    value: Any = "x"
    for _ in range(30):
        value = [value] * 10
    result = load_restricted(pickle.dumps(value), "refs.p")
    assert result[0] is result[9]
    assert load_restricted(nested(50), "refs.p") == load_restricted(nested(50), "refs.p")


def test_a_few_bytes_do_not_allocate_gigabytes() -> None:
    data = pickle.BYTEARRAY8 + (2**31).to_bytes(8, "little") + b"few"
    tracemalloc.start()
    with pytest.raises(SourceError, match="it contains a byte array"):
        load_restricted(data, "x.p")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
