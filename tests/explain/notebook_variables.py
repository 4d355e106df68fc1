"""The variables of a notebook for tests without services: real classes of pyspark and other libraries."""

import json
import os
import warnings
from itertools import islice
from typing import Any

import httpx
import pandas
from kafka import KafkaConsumer, KafkaProducer
from pyspark.sql import Row
from pyspark.sql.connect import functions
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.plan import Range
from pyspark.sql.connect.readwriter import DataFrameReader

OfConnect: Any = DataFrame


class Table(OfConnect):
    """A DataFrame of Spark Connect without a server, which knows its columns."""

    columns = ("player", "pieces", "item")

    def __init__(self):
        super().__init__(Range(0, 3, 1, 1), Session())

    def show(self, n=20):
        """Return None, as `show` does."""

    def collect(self):
        """Return a list."""
        return []

    def take_all(self):
        """Call a number."""
        return vars(self).get("nothing", 3)()

    def take(self, num):
        """Return a list."""
        return []


Table.__name__, Table.__module__ = "DataFrame", "pyspark.sql.connect.dataframe"


reader: Any = DataFrameReader


class Nothing:
    """A DataFrame without rows."""

    def first(self):
        """Return None, as `first` does."""


class Store:
    """An object of a notebook."""

    run, first_id, last_id = None, 1, 2

    def get(self, key):
        """Return a number."""
        return 1


def bot():
    """Return an object of another cell."""
    cell = "class Bot:\n    def go(self):\n        return 3()"
    made: dict[str, Any] = {}
    with warnings.catch_warnings(action="ignore"):
        exec(compile(cell, "/tmp/ipykernel_1/1.py", "exec"), made)
    return made["Bot"]()


class Session:
    """A session with a method for SQL."""

    client = None
    session_id = "a"

    def sql(self, query):
        """Return a DataFrame."""

    @property
    def read(self):
        """Return a real reader."""
        return reader(None)


Session.__module__ = "pyspark.sql.connect.session"


def read(count, group, commit=True):
    return list(islice(iter(()), count)), group, commit


class Stored(Table):
    """A DataFrame that reads a folder."""

    def inputFiles(self):
        """Return a file, as Spark does."""
        return ["hdfs://localhost:1/tmp/bought/part-0.parquet"]


Stored.__name__, Stored.__module__ = "DataFrame", Table.__module__


def names():
    """Return the variables of a notebook."""
    return {
        "sold": Table(),
        "spark": Session(),
        "F": functions,
        "read": read,
        "group": "readers",
        "json": json,
        "os": os,
        "avg": functions.avg,
        "col": functions.col,
        "rows": [1, 2],
        "answer": httpx.Response(400, json={"error": "item is not an object"}),
        "httpx": httpx,
        "by_hour": pandas.DataFrame({"hour": [1], "visits": [2]}),
        "KafkaConsumer": KafkaConsumer,
        "KafkaProducer": KafkaProducer,
        "row": Row(guild="owls", n=3),
        "messages": [Row(key=None, value=bytearray(b'{"n": 1}'), offset="5")],
        "twice": Row(key='{"n": 1}', value='{"n": 1}'),
        "event": {"event_type": "default", "Host": "a.com"},
        "events": [{"n": 1}],
        "counts": {},
        "values": [b'{"n": 1}', b"no json"],
        "lines": ['{"n": 1}', "no json"],
        "quotes": ['{"n": 1}', "{'n': 1}"],
        "table": Table,
        "nothing": Nothing(),
        "store": Store(),
        "bot": bot(),
        "sorted": sorted,
        "down": True,
    }
