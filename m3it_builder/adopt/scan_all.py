"""Scan several files over worker processes; up-to-date scans are reused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path

from m3it_builder.adopt.scan import FileState, ScanJob, ScanSummary, load_summary, scan
from m3it_builder.errors import M3ITError, SourceError
from m3it_builder.executors.local import ProgressCallback, run_with_progress
from m3it_builder.progress import Progress

_MIN_BYTES_FOR_WORKERS = 64 << 20  # reading less takes no longer than starting a process
_SCANNER_MODULES = ("json_spans", "fields", "scanned_rows", "scan", "../sources/base64_span")


def scan_job(path: Path, name: str, folder: Path) -> ScanJob:
    """Return the job that scans one file.

    Args:
        path: of the file.
        name: relative to the data folder.
        folder: where scans are stored.

    Raises:
        SourceError: the file is missing.
    """
    try:
        stat = path.stat()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: a link to a missing file; download it again") from error
    stem = blake2b(name.encode(errors="surrogateescape"), digest_size=12).hexdigest()
    state = FileState(name, stat.st_size, stat.st_mtime_ns, _scanner_digest())
    return ScanJob(path=str(path), rows_path=str(folder / f"{stem}.rows"), state=state)


def scan_all(
    title: str, jobs: Iterable[ScanJob], workers: int, progress: Progress
) -> Mapping[str, ScanSummary | M3ITError]:
    """Return the summary, or the error, of each file by path.

    Args:
        title: of the progress bar.
        jobs: repeated files are scanned once.
        workers: maximum number of processes.
        progress: receives bytes read.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    by_path = {job.path: job for job in jobs}
    results: dict[str, ScanSummary | M3ITError] = {}
    for job in by_path.values():
        if (summary := load_summary(job)) is not None:
            results[job.path] = summary
    pending = [job for job in by_path.values() if job.path not in results]
    if not pending:
        return results
    total = sum(job.state.size for job in pending)
    progress.start(f"{title} reading", total, "bytes")
    try:
        largest_first = sorted(pending, key=lambda job: job.state.size, reverse=True)
        count = workers if total > _MIN_BYTES_FOR_WORKERS else 1
        results.update(run_with_progress(_scan_or_error, largest_first, count, progress.advance))
    finally:
        progress.finish()
    return results


def _scan_or_error(job: ScanJob, advance: ProgressCallback) -> tuple[str, ScanSummary | M3ITError]:
    try:
        return job.path, scan(job, advance)
    except M3ITError as error:
        return job.path, error


@cache
def _scanner_digest() -> str:
    folder = Path(__file__).parent
    digest = blake2b(digest_size=8)
    for name in _SCANNER_MODULES:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()
