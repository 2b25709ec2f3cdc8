"""The decoder process does not outlive the build."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("av")

from m3it_builder.errors import BuildError
from m3it_builder.media.loaded_image import Loaded
from m3it_builder.media.video.extract import FrameReader, VideoPlan
from m3it_builder.records import File, Frames
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
        "path = Path(sys.argv[1])\n"
        "reader.read(File.of(str(path), path.stat()), Frames(8, 'ends'))\n"
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


# --- a worker that does not start -------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise ImportError('libavcodec.so.62: cannot open')", "ImportError: libavcodec.so.62"),
        ("import os\nprint('Illegal instruction', flush=True)\nos._exit(3)", "Illegal instruction"),
        ("import os\nos.kill(os.getpid(), 9)", "it ended with status -9"),
        ("import sys\nsys.exit('wrong version of the C library')", "wrong version of the C lib"),
    ],
    ids=["import error", "exit with a message", "killed", "SystemExit"],
)
def test_decoder_that_cannot_be_loaded_stops_the_build(
    code: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of the videos: all of them were rejected before."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "av.py").write_text(code)
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    location = File.of(str(path), path.stat())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    reader = FrameReader(VideoPlan(), 10**8)
    for _ in range(2):
        with pytest.raises(BuildError) as caught:
            reader.read(location, Frames(8, "ends"))
        message = str(caught.value)
        assert message.startswith(f"the worker that decodes videos did not start: {error}")
        assert "check the installation of av" in message
        assert "\n" not in message
    monkeypatch.delenv("PYTHONPATH")
    assert isinstance(reader.read(location, Frames(8, "ends")), Loaded)
    reader.close()


def test_files_of_the_current_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download may have a file that is named like a module."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.clip(9, "mp4", "libx264"))
    for name in ("ctypes.py", "signal.py", "json.py", "av.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    reader = FrameReader(VideoPlan(), 10**8)
    result = reader.read(File.of(str(path), path.stat()), Frames(8, "ends"))
    reader.close()
    assert isinstance(result, Loaded)
    assert not (tmp_path / "ran").exists()


def test_warnings_of_a_decoder_do_not_block_it(tmp_path: Path) -> None:
    """Damaged clips print thousands of lines, more than a pipe holds."""
    data = clips.with_flipped_bytes(tmp_path)
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    reader = FrameReader(VideoPlan(policy="salvage", timeout=60), 10**8)
    for count in range(1, 40):
        result = reader.read(File.of(str(path), path.stat()), Frames(count, "ends"))
        assert isinstance(result, Loaded), result
    reader.close()
