"""Reports for the instructor and for students, written from the records and the executed notebooks only."""
