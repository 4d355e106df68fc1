"""Tests of the explanations. This is a package, so that its stack ends with its last test."""
