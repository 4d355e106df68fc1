"""The grades of a course, from the records of its labs: rosters, due dates, and files for learning platforms."""
