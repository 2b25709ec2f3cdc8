"""Short synthetic clips: one shape that moves across a scene."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from PIL import Image

from m3it_builder.errors import BuildError, install_hint
from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import Scene, Thing, World, paint, with_article

FRAMES = 16
RATE = 8  # frames per second
# Other x264 presets decide by floating-point sums that differ from run to run.
REPEATABLE = {"preset": "ultrafast"}
# Matroska files, which WebM files are, get random ids of file and tracks unless this is set.
_REPEATABLE_CONTAINER = {"fflags": "bitexact"}
_WITH_RANDOM_IDS = ("matroska", "webm")
# file suffix: container, encoder, and options for the same bytes in every run
_CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("mp4", "libx264", REPEATABLE),
    ".mkv": ("matroska", "libx264", REPEATABLE),
    ".webm": ("webm", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    ".avi": ("avi", "mpeg4", {}),
}
ClipFact = Literal["shape", "color", "direction"]  # each value is about equally frequent
DIRECTIONS = {"right": (1.0, 0.0), "left": (-1.0, 0.0), "down": (0.0, 1.0), "up": (0.0, -1.0)}


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames of a moving shape, with its ground truth."""

    frames: tuple[Image.Image, ...]
    thing: Thing
    direction: str

    @property
    def name(self) -> str:
        """Return color and shape of what moves, with an article."""
        return with_article(self.thing.name)

    @property
    def way(self) -> str:
        """Return the direction as an adverbial."""
        return f"to the {self.direction}" if self.direction in ("left", "right") else self.direction

    def fact(self, kind: ClipFact) -> str:
        """Return one fact about the clip: the answer to questions of one wording.

        Where all questions of a task have the same wording, they do not hint at the answer.
        """
        values = {"shape": self.thing.shape, "color": self.thing.color, "direction": self.direction}
        return values[kind]


def clip(world: World, number: int) -> Clip:
    """Return one clip, a function of world and number."""
    rng = world.rng(f"clip/{number}")
    thing = world.scene(number).things[0]
    direction = rng.choice(list(DIRECTIONS))
    # So that no two clips are equal, as those of few colors, shapes and directions would be.
    background = (rng.randrange(220, 256), rng.randrange(220, 256), rng.randrange(220, 256))
    side = thing.box[2] - thing.box[0]
    middle = (world.width - side) / 2, (world.height - side) / 2
    frames = []
    for step in range(FRAMES):
        shift = 2 * step / (FRAMES - 1) - 1  # from -1 to 1
        x, y = (
            center + sign * shift * center * 0.9
            for center, sign in zip(middle, DIRECTIONS[direction], strict=True)
        )
        moved = replace(thing, box=(x, y, x + side, y + side))
        frames.append(paint(Scene(number, world.width, world.height, background, (moved,))))
    return Clip(tuple(frames), thing, direction)


def encode_clip(
    frames: Iterable[Image.Image],
    container: str = "mp4",
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    timestamps: Iterable[int] | None = None,
) -> bytes:
    """Return frames as a video file, of the same bytes in every run.

    Args:
        frames: images of one size, with even sides.
        container: ``mp4``, ``matroska``, ``webm`` or ``avi``.
        codec: an encoder of FFmpeg.
        options: of the encoder.
        timestamps: of each frame in 1/1000 s, for a variable frame rate.

    Raises:
        BuildError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise BuildError(f"sample clips are made with PyAV; {install_hint('video')}") from error
    images = list(frames)
    buffer = io.BytesIO()
    random_ids = container in _WITH_RANDOM_IDS
    with av.open(
        buffer, "w", format=container, options=_REPEATABLE_CONTAINER if random_ids else {}
    ) as out:
        stream = out.add_stream(codec, rate=RATE, options=dict(options or {}))
        stream.width, stream.height = images[0].size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1  # the number of threads changes the bytes
        times = list(timestamps) if timestamps else None
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_image(image)
            if times:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return buffer.getvalue()


def write_clip(path: Path, world: World, number: int) -> None:
    """Write one clip; the suffix of the path decides the container: mp4, mkv, webm or avi."""
    container, codec, options = _CONTAINERS[path.suffix]
    write_bytes(path, encode_clip(clip(world, number).frames, container, codec, options))
