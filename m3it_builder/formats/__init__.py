"""Functions shared by two or more converters, one module per format."""
