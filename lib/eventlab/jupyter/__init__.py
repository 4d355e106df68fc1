"""JupyterLab as learners meet it: the start page, and what they have got through."""
