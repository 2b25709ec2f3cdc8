"""The image codecs that are read. Each has a header parser in ``probe``, too."""

from __future__ import annotations

PILLOW_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")  # its decoders that may run
MIMES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"})
# In this order, an image that is stored with another suffix is looked for.
SUFFIXES = ("jpg", "png", "jpeg", "gif", "webp", "bmp", "JPG", "JPEG", "PNG")
