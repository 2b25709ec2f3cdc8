"""Tools for task authors: scaffold and lint."""
