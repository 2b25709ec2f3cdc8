"""One converter a task: a function from a source to records and rejects."""
