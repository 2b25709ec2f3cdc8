"""Images and videos: header checks, decoding, drawing, reading in disk order."""
