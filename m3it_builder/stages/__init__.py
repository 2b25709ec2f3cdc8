"""The stages of phase A: iterators in, iterators out."""

from collections.abc import Callable

from m3it_builder.records import Reject

RejectSink = Callable[[str, Reject], None]  # (stage, reject): counts it and writes it down
