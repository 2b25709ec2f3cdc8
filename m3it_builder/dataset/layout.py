"""Where the files of a finished build are."""

from __future__ import annotations

STATE_FOLDER = ".m3it"  # local state: never published, may be deleted at any time
