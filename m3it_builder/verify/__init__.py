"""Checks a finished build against its manifest, index and images.

``run.verify`` is the entry point. The unit of work is one shard in all its
formats: ``rows`` checks each index row by itself, ``compare`` compares every
format with the index, ``units`` and ``readmes`` check the files around the
shards, and ``sources`` compares the images with the official files.
"""
