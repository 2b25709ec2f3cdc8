"""Run the commands of the README, in order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample
from tests.support import published
from tests.support.command import run_m3it
from tests.support.ledgers import fill
from tests.support.paths import ROOT

# The synthetic download has malformed lines, and images that occur in several splits; all synthetic
# files have too few rows. A new package has facts to fill in.
_STATUS = {"adopt /data/M3IT ": 3, "audit": 1, "lint": 1}


def test_commands_succeed(tmp_path: Path) -> None:
    """Paths are replaced, and sources synthetic; downloads are tested in tests/fetch."""
    write_sample(load_task("okvqa"), tmp_path / "raw", 40)
    published.write_m3it(tmp_path / "M3IT")
    published.write_m3it_80(tmp_path / "M3IT-80")
    fill(tmp_path / "m3it-ledger.sqlite", range(3))
    (tmp_path / "my-audits").mkdir()
    (tmp_path / "my-audits" / "one.sql").write_text("-- Nothing is wrong.\nSELECT 1 WHERE false\n")
    # The end of a block leaves the folder that was entered in it.
    pattern = r"^m3it (.+)|^cd (\S+)|^(```)$"
    run, folder = 0, tmp_path
    for line, entered, end in re.findall(pattern, (ROOT / "README.md").read_text(), re.MULTILINE):
        if entered or end:
            folder = tmp_path / entered
            continue
        words = shlex.split(line.replace("/data/", f"{tmp_path}/"), comments=True)
        if words[0] == "fetch" or ("birds" in words[1:] and words[0] == "build"):
            continue  # the latter in test_packaging.test_newcomer
        if "--pipeline" in words:
            continue  # in tests/build/test_pipelines
        done = run_m3it(*words, cwd=folder)
        assert "Traceback" not in done.stderr, line
        expected = next((_STATUS[key] for key in _STATUS if line.startswith(key)), 0)
        assert done.returncode == expected, f"m3it {line}\n{done.stdout}\n{done.stderr}"
        run += 1
    assert run >= 13
    for name in ("rows.png", "duplicates/drop.parquet", "adopted/adopt-report.md"):
        assert (tmp_path / name).exists(), name
