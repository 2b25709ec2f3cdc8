"""For people who add a task: scaffold and lint."""
