"""Tests in a real browser. This is a package, so that its fixtures end with its last test."""
