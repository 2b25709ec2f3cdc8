"""Synthetic sample data: the official layout of each task, filled with synthetic scenes."""
