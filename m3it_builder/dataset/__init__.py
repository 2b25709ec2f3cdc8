"""A finished build on disk: manifest, index, row reader, README files."""
