"""The stages of phase A: convert, locate, check, instruct, render.

A stage takes an iterator and returns one, so a unit of any size streams through;
examples it cannot use go to a reject sink, with the name of the stage.
"""

from collections.abc import Callable

from m3it_builder.records import Reject

RejectSink = Callable[[str, Reject], None]  # (stage, reject)
