"""Frames of videos: sampling rules and the extracted frames.

"Uniform" has several readings, and they give different frames on clips with a variable
frame rate. So the rule is named, is an option, and is stored with the indices and times
it selected. Decoding happens in a separate process with a time limit (``extract``,
``worker``); the decoders are ``pyav`` and ``decord``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from PIL.Image import Image

Rule = Literal["ends", "inner", "middles", "times"]
RULES: tuple[Rule, ...] = get_args(Rule)
Backend = Literal["pyav", "decord"]
Policy = Literal["strict", "salvage"]


class BadVideo(Exception):  # noqa: N818 - it carries a reason and never leaves the packer
    """An unusable video; its row becomes a reject with this reason and detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames selected from one video."""

    total: int  # frames that decode, whatever the container says
    indices: tuple[int, ...]  # of the selected frames, from 0; repeated in a short clip
    times: tuple[float, ...]  # seconds after the first frame
    frames: tuple[Image, ...]  # upright RGB, one for each index


def choose(count: int, total: int, rule: Rule, times: Sequence[float] = ()) -> list[int]:
    """Return the indices of ``count`` frames spread over ``total``.

    ``ends``: equal steps from the first frame to the last (``linspace``).
    ``inner``: ``ends`` with two more frames, without the first and the last.
    ``middles``: the middle frame of each of ``count`` equal parts.
    ``times``: the frame displayed at the middle of each of ``count`` equal intervals.

    A clip with fewer frames repeats some.

    Args:
        count: frames to select.
        total: frames of the video, at least one.
        rule: see above.
        times: of all frames, in seconds, ascending; for the rule ``times`` only.
    """
    if rule == "middles" or (rule == "times" and not times):
        return [(2 * n + 1) * total // (2 * count) for n in range(count)]
    if rule == "times":
        start, length = times[0], times[-1] - times[0]
        middles = [start + length * (2 * n + 1) / (2 * count) for n in range(count)]
        return [bisect_right(times, moment) - 1 for moment in middles]
    if rule == "inner":
        return _equal_steps(count + 2, total)[1:-1]
    return _equal_steps(count, total) if count > 1 else [(total - 1) // 2]


def _equal_steps(count: int, total: int) -> list[int]:
    """Return ``count`` indices in equal steps, halves rounded up."""
    last = count - 1
    return [(2 * n * (total - 1) + last) // (2 * last) for n in range(count)]
