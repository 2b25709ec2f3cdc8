"""Sample sources: each task's official layout, filled from a small drawn world."""
