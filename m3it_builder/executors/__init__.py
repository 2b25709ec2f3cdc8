"""The same job over many processes."""
