"""Explains import errors in a kernel that is another Python than the kit's.

Uses only the standard library, because such a Python may lack the kit's packages.
"""

import re
import sys
import tomllib
from pathlib import Path

from eventlab import ROOT
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell


def wrong_kernel(cell: FailedCell) -> Explanation | None:
    """Explain that the kernel lacks a package which the kit's own environment has."""
    missing = next((error.name for error in cell.errors if isinstance(error, ImportError) and error.name), None)
    kit_environment = ROOT / ".venv"
    if missing is None or Path(sys.prefix).resolve() == kit_environment.resolve():
        return None
    package = missing.split(".")[0]
    installed = any(kit_environment.glob(f"lib/python*/site-packages/{package}*"))
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    if not installed and package not in {re.sub(r"[-.]", "_", entry["name"].lower()) for entry in locked}:
        return None
    version = ".".join(map(str, sys.version_info[:3]))
    setup = "" if kit_environment.exists() else f"make -C {ROOT} setup && "
    return Explanation(
        f"This notebook's kernel is another Python than the kit's, and {package} is not installed in it.",
        f"the kernel is {sys.executable} (Python {version}); {package} is in {kit_environment}",
        f"!{setup}{kit_environment}/bin/python -m ipykernel install --user --name eventlab "
        "--display-name eventlab",
        "To fix it, run this, then choose the kernel `eventlab` (menu Kernel, Change Kernel)",
    )
