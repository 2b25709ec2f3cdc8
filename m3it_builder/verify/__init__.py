"""A finished build held to everything it claims: every file, row and image.

``run.verify`` is the whole of it. A shard, in all its formats, is the unit of
work; ``rows`` checks what one row of the index says, ``compare`` whether each
format holds just that, ``units`` and ``readmes`` what stands around the shards,
``sources`` whether the official files still hold the same images.
"""
