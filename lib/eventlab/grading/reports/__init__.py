"""What instructor and students get to see, each made from the records alone (and the executed notebooks)."""
