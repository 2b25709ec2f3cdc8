"""Official files, read in place: names instead of paths, archives without unpacking."""
