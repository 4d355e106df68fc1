"""Executing a submission: its cells, its kernel, what each cell shows, and further runs."""
