"""Shard formats: writers behind one small interface, in ``formats``."""
