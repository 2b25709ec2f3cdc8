"""Images and videos: headers, decoding, drawing, reading in disk order."""
