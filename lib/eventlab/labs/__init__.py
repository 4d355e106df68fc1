"""Labs: what a student's process may see. Hidden checks are in the folder `labs/`, scores in `grading`."""
