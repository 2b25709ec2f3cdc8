"""Convert a download of the published M3IT or M3IT-80 into a build: ids, digests and an index."""
