"""Each fault of the corpus: its exact outcome, in time and memory, inputs as they were, nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.robustness.corpus import CATEGORIES, FAULTS, QUICK
from tests.robustness.fault import Fault
from tests.robustness.runner import Runner
from tests.robustness.table import expected
from tests.support.places import ROOT


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=[] if fault.id in QUICK else [pytest.mark.robustness]) for fault in FAULTS],
    ids=lambda fault: fault.id,
)
def test_fault(fault: Fault, runner: Runner, outcomes: dict[str, dict[str, Any]]) -> None:
    if reason := fault.needs():
        pytest.skip(reason)
    said = outcomes[fault.id] = runner.run(fault)
    if said["skipped"]:
        pytest.skip(said["skipped"])
    assert said["problem"] is None, said["problem"]


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(FAULTS) == len({fault.id for fault in FAULTS}) >= 300
    assert min(len(category.faults) for category in CATEGORIES) >= 20 and len(CATEGORIES) == 10
    assert all(sum(fault.id in QUICK for fault in category.faults) >= 4 for category in CATEGORIES)
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    for category, (count, results, refusals) in expected(FAULTS).items():
        row = f"| {category} | {count} | {results} | {refusals} |"
        assert row in page, f"docs/robustness.md lacks {row!r}: run `make robustness` and put its table there"
