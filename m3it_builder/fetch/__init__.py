"""Download official files, verify them, repack archives that cannot be read in place."""
