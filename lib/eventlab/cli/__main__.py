"""Run the `eventlab` command with `python -m eventlab.cli`."""

from eventlab.cli.app import main

main()
