"""Python imports this module at the start of a program that `spark-submit` or `pyspark` of the kit runs.

When the program imports pyspark or kafka-python, it gets the timeouts of the kit's notebooks: it gives up within
15 seconds when no broker answers. It must not import them itself: Spark's Python workers start with it, too.
"""

import contextlib
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

PARENT = os.getppid()
"""The process that started the program. It may have ended when the program's imports are complete."""
SPARK = {"pyspark.sql.readwriter", "pyspark.sql.streaming.readwriter"}
SPARK |= {"pyspark.sql.connect.readwriter", "pyspark.sql.connect.streaming.readwriter"}


def prepare(name: str) -> None:
    """Set the timeouts of a module that has just been imported."""
    with contextlib.suppress(ImportError):  # another Python than the kit's
        if name == "kafka":
            from eventlab.clients.kafka_connections import shorten_default_timeouts

            shorten_default_timeouts()
        else:
            from eventlab.clients.spark_kafka import shorten_kafka_waits

            shorten_kafka_waits((name,))


class Prepared(Loader):
    """Loads a module as its own loader does, then prepares it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module."""
        module: ModuleType | None = self.loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, then set its timeouts."""
        assert module.__spec__
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        prepare(module.__name__)


class Finder(MetaPathFinder):
    """Finds each of the modules once, with a loader that prepares it."""

    def __init__(self) -> None:
        self.names = {*SPARK, "kafka"}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the module's own specification with another loader; None for other modules."""
        if name not in self.names:
            return None
        self.names.discard(name)  # find_spec asks this finder again
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = Prepared(spec.loader)
        return spec


sys.meta_path.insert(0, Finder())
