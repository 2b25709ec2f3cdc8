"""Rewrite the golden files: ``python -m tests.shards.golden``."""

from __future__ import annotations

import sys

from tests.shards import golden

for name in golden.CASES:
    path = golden.write(name, golden.path(name))
    sys.stdout.write(f"{path.name} {path.stat().st_size:,} bytes\n")
