"""Programs that run inside a sandbox around a student's code; they do not use labs, checks or scores.

The sandbox shows these files at /run/eventlab; they import the standard library and what a notebook may import.
"""
