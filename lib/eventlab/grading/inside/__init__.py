"""What runs inside a sandbox, before and around a student's code: it knows nothing of labs, checks or scores.

The sandbox shows these files at /run/eventlab; they import the standard library and what a notebook may import.
"""
