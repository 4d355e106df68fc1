"""Labs: what a student's process may hold. The truth of hidden checks is in `labs/`, scores are in `grading`."""
