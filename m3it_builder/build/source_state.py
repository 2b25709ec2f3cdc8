"""Check that source files have not changed since the spool was filled.

A build reads its sources twice: names and texts in phase A, images in phase B. Rows would
get wrong images if a file were replaced in between, or while packers read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from m3it_builder.build.fingerprint import Fingerprint, annotation_states, read_built_from
from m3it_builder.build.spool_reader import Facts
from m3it_builder.build.unit import Unit
from m3it_builder.errors import SourceChangedError
from m3it_builder.records import FileIdentity
from m3it_builder.sources.catalog import Catalog


def are_archives_unchanged(facts: Facts) -> bool:
    """Return True if no archive with images of rows has changed since it was listed."""
    return all(_identity(path) == identity for path, identity in facts.archives.items())


def require_unchanged(
    unit: Unit, fingerprint: Fingerprint, catalogs: Mapping[str, Catalog], facts: Facts
) -> None:
    """Require that no source file has changed since the spool was filled.

    Raises:
        SourceChangedError: one has; the message names it.
    """
    for path, identity in facts.archives.items():
        if _identity(path) != identity:
            raise _changed(path)
    for catalog in catalogs.values():
        catalog.refresh()
        for name, state in catalog.file_stats().items():
            if fingerprint.files.get(name) != state:
                raise _changed(name)
    built_from = read_built_from(unit.work)
    annotations = built_from.annotations if built_from else {}
    for name, now in annotation_states(catalogs, annotations).items():
        if annotations[name] != now:
            raise _changed(name)


def _identity(path: str) -> FileIdentity | None:
    try:
        return FileIdentity.of(Path(path).stat())
    except OSError:
        return None


def _changed(name: str) -> SourceChangedError:
    return SourceChangedError(
        f"{name} changed while the build was reading it; repeat the command when nothing "
        "writes to the sources"
    )
