"""The table of docs/robustness.md: for each category how many faults there are, and what comes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.robustness.fault import Fault, Refused, Works

__all__ = ["expected", "table"]

HEAD = """| what is wrong | faults | a result | refused, by class of error | longest | most memory |
|---|---:|---:|---|---:|---:|
"""


def expected(faults: Sequence[Fault]) -> dict[str, tuple[int, int, str]]:
    """For each category: faults, results, and refusals in words, as the corpus declares them."""
    rows: dict[str, tuple[int, int, str]] = {}
    for category in dict.fromkeys(fault.category for fault in faults):
        those = [fault for fault in faults if fault.category == category]
        errors = Counter(fault.outcome.error.__name__ for fault in those if isinstance(fault.outcome, Refused))
        refusals = ", ".join(f"{count} {name}" for name, count in errors.most_common())
        rows[category] = (len(those), sum(isinstance(fault.outcome, Works) for fault in those), refusals or "none")
    return rows


def table(faults: Sequence[Fault], outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """The table in Markdown.

    Args:
        faults: All of them.
        outcomes: Id of a fault to what ``try_fault`` said of it.
    """
    lines = []
    for category, (count, results, refusals) in expected(faults).items():
        said = [outcomes[fault.id] for fault in faults if fault.category == category and fault.id in outcomes]
        seconds = max((one["seconds"] for one in said), default=0.0)
        megabytes = max((one["megabytes"] for one in said), default=0.0)
        lines.append(f"| {category} | {count} | {results} | {refusals} | {seconds:.1f} s | {megabytes:.0f} MB |")
    whole = sum(isinstance(fault.outcome, Works) for fault in faults)
    lines.append(f"| **all** | **{len(faults)}** | **{whole}** | {len(faults) - whole} | | |")
    return HEAD + "\n".join(lines) + "\n"
