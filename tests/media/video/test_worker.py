"""The decoder process does not outlive the build."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("av")

from tests.support import clips


def test_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """A killed build leaves no decoder process behind."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    code = (
        "import sys, time\n"
        "from m3it_builder.records import File, Frames\n"
        "from pathlib import Path\n"
        "from m3it_builder.media.video.extract import FrameReader, VideoPlan\n"
        "reader = FrameReader(VideoPlan(), 10**8)\n"
        "reader.read(File(sys.argv[1], Path(sys.argv[1]).stat().st_size, 0), Frames(8, 'ends'))\n"
        "print(reader._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and is_alive(worker):
        time.sleep(0.05)
    assert not is_alive(worker)


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
