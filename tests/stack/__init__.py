"""Tests of the stack. This is a package, so that the fixture `shared_stack` ends with its last test."""
