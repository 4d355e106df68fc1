"""The course's Spark jobs: each a short script for `spark-submit`, and functions for notebooks."""
