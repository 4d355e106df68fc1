"""Errors that explain themselves: below a failed cell's traceback, one box with what happened, proof and remedy.

`%load_ext eventlab` turns it on. An explanation is a small function in the module of its field (`kafka`, `hdfs`,
`spark`, ...), which recognizes the error and then asks the living stack; only what it finds there is said. An
error that none of them knows, or that probing does not confirm, gets no box: a wrong one is worse than none.
"""
