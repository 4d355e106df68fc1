"""Checks of Python and its packages."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from eventlab.doctor.result import CheckResult, shorten
from eventlab.settings import ROOT

OLDEST_PYTHON = (3, 11)


def python() -> CheckResult:
    """Check that Python is new enough, and show whether it is the kit's own environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return CheckResult("python", False, f"{version} is older than {oldest}", "make setup PYTHON=python3.12")
    is_own = Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()
    place = "the kit’s own .venv" if is_own else f"not the kit’s own .venv: {sys.prefix}"
    return CheckResult("python", True, f"{version}, {place}")


def locked_packages() -> CheckResult:
    """Check that pyproject.toml, uv.lock and the installed packages agree."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    required = _requirements()
    if required != _locked_requirements(locked):
        return CheckResult("packages", False, "uv.lock does not match pyproject.toml", _uv_lock_command())
    versions: dict[str, set[str]] = {}
    for package in locked:
        versions.setdefault(_normalize(package["name"]), set()).add(package.get("version", ""))
    installed = {_normalize(dist.name): dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    problems = [f"{name} is not installed" for name in required if name not in installed]
    problems += [
        f"{name} is {version}, not {' or '.join(sorted(versions[name]))}"
        for name, version in sorted(installed.items())
        if name in versions and name != "eventlab" and version not in versions[name]
    ]
    if problems:
        return CheckResult("packages", False, shorten(problems), "make setup")
    return CheckResult("packages", True, f"{len(installed.keys() & versions.keys())} installed as in uv.lock")


def _requirements() -> dict[str, Any]:
    """Return the version specifier of each package in pyproject.toml."""
    from packaging.requirements import Requirement

    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return {_normalize(Requirement(line).name): Requirement(line).specifier for line in lines}


def _locked_requirements(locked: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the version specifier of each package for which uv.lock was made."""
    from packaging.specifiers import SpecifierSet

    kit = next(package for package in locked if package["name"] == "eventlab")
    entries = kit["metadata"]["requires-dist"]
    return {_normalize(entry["name"]): SpecifierSet(entry.get("specifier", "")) for entry in entries}


def _uv_lock_command() -> str:
    """Return `uv lock` with the machine's uv or the kit's own."""
    return f"{'uv' if shutil.which('uv') else shlex.quote(str(ROOT / '.uv' / 'bin' / 'uv'))} lock"


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
