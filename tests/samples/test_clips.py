"""Sample videos are the same byte for byte in every process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import av
import pytest

from m3it_builder.samples.clips import FRAMES

WRITE = """
import sys
from pathlib import Path
from m3it_builder.samples.clips import write_clip
from m3it_builder.samples.world import World
write_clip(Path(sys.argv[1]), World(width=64, height=48), 1)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mkv", ".avi"])
def test_two_processes_write_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    digests = set()
    for name in ("first", "second"):
        path = tmp_path / f"{name}{suffix}"
        subprocess.run([sys.executable, "-c", WRITE, path], check=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == FRAMES
