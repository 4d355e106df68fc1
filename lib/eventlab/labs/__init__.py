"""Labs, without anything that a student's process must not see: hidden checks are in the folder `labs/`."""
