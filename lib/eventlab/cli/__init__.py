"""The `eventlab` command."""
