"""The result of a check, and a check that cannot fail with an exception."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HealthCheck:
    """The result of one check.

    Attributes:
        name: What was checked.
        ok: Whether the stack can work with it.
        detail: The result as a sentence or phrase.
        remedy: The command that fixes it; "" if `ok`.
        note: Whether a passed check is shown as NOTE, because its detail contains advice.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    note: bool = False


def run_check(name: str, remedy: str, check: Callable[[], HealthCheck]) -> HealthCheck:
    """Run a check; one that raises has failed, and `remedy` is then the command to suggest."""
    started = time.monotonic()
    try:
        result = check()
        result = replace(result, remedy="") if result.ok else result
    except Exception as error:  # the check looks at things that may be damaged in any way
        logger.debug("The check %s raised", name, exc_info=True)
        result = HealthCheck(name, False, f"could not be checked: {type(error).__name__}: {error}", remedy)
    logger.info("%s: %s (%.2f s)", name, "ok" if result.ok else "failed", time.monotonic() - started)
    return result


def result_of(name: str, problems: Sequence[str], remedy: str, detail: str) -> HealthCheck:
    """Return a failed check with the first three problems, or without problems a passed one with the detail."""
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return HealthCheck(name, not problems, "; ".join(problems[:3]) + more or detail, remedy)
