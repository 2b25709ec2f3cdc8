"""Functions that two or more converters share, one module a format."""
