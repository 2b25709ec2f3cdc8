"""One converter per task: a function from a source to records and rejects."""
