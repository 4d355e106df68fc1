"""The `eventlab` command: parse arguments, call the kit's functions, display their results."""
