"""Bytes to disk: files written atomically, their digests, blocks set aside in advance."""
