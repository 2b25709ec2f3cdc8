"""Bytes to disk: atomic writes, digests, preallocation."""
