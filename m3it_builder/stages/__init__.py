"""The stages of phase A: convert, locate, check, instruct, render.

Each stage maps an iterator to an iterator, so that a unit of any size is streamed; rejects
go to a callback, with the name of the stage.
"""

from collections.abc import Callable

from m3it_builder.records import Reject

RejectSink = Callable[[str, Reject], None]  # (stage, reject)
