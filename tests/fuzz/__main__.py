"""Fuzz one target for some time: ``python -m tests.fuzz TARGET SECONDS [FOLDER]``.

With atheris (libFuzzer), which is guided by coverage; elsewhere with Hypothesis, which mutates
the seeds. A failing input is written to FOLDER as ``crash-...``; copy it to
``tests/fuzz/corpus/TARGET/``, where every test run reads it again, and mend the reader.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
SECONDS_AN_INPUT = 10  # more is a hang
MEMORY_MB = 2_000


def main() -> None:
    """Fuzz a target; the exit status is not 0 if an input failed."""
    name, seconds = sys.argv[1], int(sys.argv[2])
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else Path()
    try:
        import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        _with_hypothesis(name, seconds, folder)
    else:
        _with_atheris(atheris, name, seconds, folder)


def _with_atheris(atheris: Any, name: str, seconds: int, folder: Path) -> None:
    with atheris.instrument_imports(include=["m3it_builder", "tarfile", "yaml"]):
        from tests.fuzz.targets import TARGETS, run
    target = TARGETS[name]
    started = Path(tempfile.mkdtemp())
    for number, data in enumerate(target.seeds()):
        (started / str(number)).write_bytes(data)
    words = [
        *(sys.argv[0], str(started)),
        *([str(CORPUS / name)] if (CORPUS / name).is_dir() else []),
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={folder}/",
        "-max_len=16384",
        "-print_final_stats=1",
    ]
    atheris.Setup(words, lambda data: run(target, data))
    atheris.Fuzz()


def _with_hypothesis(name: str, seconds: int, folder: Path) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    from tests.fuzz.targets import TARGETS, run

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 21, MEMORY_MB << 21))
    target = TARGETS[name]
    found = sorted((CORPUS / name).glob("*")) if (CORPUS / name).is_dir() else []
    texts = [*target.seeds(), *(path.read_bytes() for path in found)]
    edits = st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 9), st.binary(max_size=9)))
    inputs = 0

    @settings(
        max_examples=5_000, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(data=st.sampled_from(texts), edits=edits)
    def check(data: bytes, edits: list[tuple[int, int, bytes]]) -> None:
        nonlocal inputs
        inputs += 1
        for start, deleted, inserted in edits:
            start %= len(data) + 1
            data = data[:start] + inserted + data[start + deleted :]
        try:
            run(target, data)
        except BaseException:
            (folder / f"crash-{name}").write_bytes(data)
            raise

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check()
    sys.stderr.write(f"stat::number_of_executed_units: {inputs}\n")


if __name__ == "__main__":
    main()
