"""Run jobs over worker processes."""
