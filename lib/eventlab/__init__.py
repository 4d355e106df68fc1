"""Teach event tracking on real services: Kafka, HDFS and Spark, from notebooks."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The kit's folder. Here, because the settings cost a quarter of a second that a command may not need."""
