"""Take over a download of the published M3IT or M3IT-80: ids, digests, index, no rebuild."""
