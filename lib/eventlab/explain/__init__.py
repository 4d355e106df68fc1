"""Explanations of errors: a box below a failed cell with what happened, the proof, and the remedy.

`%load_ext eventlab` registers the callbacks in `hook`. After a failed cell, `registry` calls the explanation
functions of the modules (`kafka`, `hdfs`, `spark`, ...) in turn. Each recognizes one kind of error and asks the
running services to confirm it. The first confirmed explanation is shown. An unconfirmed error gets no box.
"""
