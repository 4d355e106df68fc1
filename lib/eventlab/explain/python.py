"""A kernel that is another Python than the kit's. Only the standard library: the rest may not be there."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from eventlab import ROOT
from eventlab.explain.explanation import Explanation
from eventlab.explain.failure import Failure

KERNEL = "the kit's kernel, Python 3 (ipykernel)"


def another_python(failure: Failure) -> Explanation | None:
    """A package of the kit's can't be imported here, and this is not the kit's own environment, which has it."""
    missing = next((each for each in failure.chain if isinstance(each, ImportError) and each.name), None)
    own = ROOT / ".venv"
    if missing is None or missing.name is None or Path(sys.prefix).resolve() == own.resolve():
        return None
    package = missing.name.split(".")[0]
    there = next(iter(own.glob(f"lib/python*/site-packages/{package}*")), None)
    if there is None and package not in _locked():
        return None
    version = ".".join(map(str, sys.version_info[:3]))
    return Explanation(
        f"This notebook's kernel is another Python than the kit's, and {package} is not installed in it.",
        f"the kernel is {sys.executable} (Python {version}); {package} is in {own}",
        f"!{'' if own.exists() else f'make -C {ROOT} setup && '}{own}/bin/python -m ipykernel install --user "
        "--name eventlab --display-name eventlab",
        "To mend it, run this, then choose the kernel `eventlab` (menu Kernel, Change Kernel)",
    )


def _locked() -> set[str]:
    """The import names of the kit's packages, as far as they are called like their projects."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {re.sub(r"[-.]", "_", each["name"].lower()) for each in packages}
