"""The commands that `stack/bin` puts on the path: `python -m eventlab.commands NAME [ARGUMENT]...`."""
