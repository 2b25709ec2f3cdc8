"""Full disks and missing permissions: one error line, and nothing that looks finished."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample

DRIVER = """
import json, subprocess, sys
from pathlib import Path
sources, disk = sys.argv[1:3]
base = [sys.executable, "-m", "m3it_builder", "build", "--task", "okvqa", "--split", "train",
        "--source", sources, "--out", disk + "/out", "-f", "webdataset", "-f", "parquet"]
results = []
for size in map(int, sys.argv[3:]):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
    try:
        done = subprocess.run(base, capture_output=True, text=True)
        markers = ("manifest.json", "README.md")
        looks_done = [str(p) for p in Path(disk).rglob("*") if p.name in markers]
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        again = subprocess.run(base, capture_output=True, text=True)
        results.append([size, done.returncode, done.stderr, looks_done, again.returncode])
    finally:
        subprocess.run(["umount", disk], check=True)
print(json.dumps(results))
"""


def test_small_disks_of_many_sizes(tmp_path: Path) -> None:
    write_sample(load_task("okvqa"), tmp_path / "src", 150)
    disk = tmp_path / "disk"
    disk.mkdir()
    sizes = ["8", "60", "200", "600", "1200", "1600", "1700", "1800", "1900", "2100", "3000"]
    script = [sys.executable, "-c", DRIVER, str(tmp_path / "src"), str(disk), *sizes]
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("tests are not permitted to mount a small disk here")
    done = subprocess.run(
        ["unshare", "-rm", *script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    failed = [outcome for outcome in outcomes if outcome[1]]
    assert len(failed) >= 5
    assert outcomes[-1][1] == 0, "the largest one is large enough"
    for size, code, stderr, looks_done, again in outcomes:
        assert again == 0, f"{size} kB: with enough space the same command resumes"
        if code == 0:
            continue
        assert code == 1, stderr
        assert "Traceback" not in stderr
        assert stderr.count("m3it: ") == 1
        assert "disk" in stderr
        assert looks_done == [], f"{size} kB"
    messages = " ".join(outcome[2] for outcome in failed)
    assert "needs about" in messages, "some fail before a byte is packed"
    assert "the disk is full" in messages, "some fill up while shards are packed"


DENIED = """
import json, subprocess, sys
from pathlib import Path
sources, disk, target = sys.argv[1:4]
build = [sys.executable, "-m", "m3it_builder", "build", "--task", "okvqa", "--split", "train",
         "--source", sources, "--out", disk + "/out"]
# Root ignores file modes unless it loses these capabilities.
drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=True)
first = subprocess.run([*drop, *build], capture_output=True, text=True)
shard = next(Path(disk).rglob("*.tar"))
if target == "read-only":
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
elif target == "folder":
    shard.parent.chmod(0o500)
elif target == "work":
    (Path(disk) / "out/okvqa/.m3it/train").chmod(0o500)
else:
    (Path(sources) / "okvqa-annotations/mscoco_train2014_annotations.json").chmod(0)
done = subprocess.run([*drop, *build, "--seed", "5", "--replace"], capture_output=True, text=True)
if target == "read-only":
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
elif target in ("folder", "work"):
    shard.parent.chmod(0o700)
    (Path(disk) / "out/okvqa/.m3it/train").chmod(0o700)
else:
    (Path(sources) / "okvqa-annotations/mscoco_train2014_annotations.json").chmod(0o600)
again = subprocess.run([*drop, *build, "--seed", "5", "--replace"], capture_output=True, text=True)
verify = subprocess.run([sys.executable, "-m", "m3it_builder", "verify", disk + "/out"],
                        capture_output=True, text=True)
print(json.dumps([first.returncode, first.stderr, done.returncode, done.stderr, again.returncode,
                  verify.returncode]))
"""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("read-only", "the file system is read-only"),
        ("folder", "permission denied"),
        ("work", "permission denied"),
        ("source", "permission denied"),
    ],
)
def test_missing_permissions(tmp_path: Path, target: str, message: str) -> None:
    """The build fails with one line and corrupts nothing; once permitted, it succeeds."""
    write_sample(load_task("okvqa"), tmp_path / "src", 60)
    disk = tmp_path / "disk"
    disk.mkdir()
    probe = ["unshare", "-rm", "setpriv", "--bounding-set=-dac_override", "true"]
    if shutil.which("setpriv") is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("tests are not permitted to drop capabilities here")
    script = [sys.executable, "-c", DENIED, str(tmp_path / "src"), str(disk), target]
    done = subprocess.run(
        ["unshare", "-rm", *script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    first, first_stderr, code, stderr, again, verified = json.loads(done.stdout)
    assert first == 0, first_stderr
    assert code == 1, stderr
    assert "Traceback" not in stderr
    assert stderr.count("m3it: ") == 1
    assert message in stderr
    assert (again, verified) == (0, 0)
