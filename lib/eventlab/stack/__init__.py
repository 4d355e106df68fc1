"""The services' life cycle: what runs, where, and how it starts, answers and stops."""
