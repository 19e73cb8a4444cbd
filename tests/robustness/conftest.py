"""One child process for all faults, and the table of what came of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.corpus import FAULTS
from tests.robustness.runner import Runner
from tests.robustness.table import table

OUTCOMES = pytest.StashKey[dict[str, dict[str, Any]]]()


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    runner = Runner(tmp_path_factory.mktemp("faults"))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def outcomes(pytestconfig: pytest.Config) -> dict[str, dict[str, Any]]:
    """What came of each fault that was tried, for the table."""
    return pytestconfig.stash.setdefault(OUTCOMES, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table of all faults, and write it to the file that MOTIONKIT_ROBUSTNESS names."""
    outcomes = config.stash.get(OUTCOMES, {})
    if len(outcomes) < len(FAULTS) / 2:  # the quick part
        return
    text = table(FAULTS, outcomes)
    terminalreporter.write_line(text)
    if target := os.environ.get("MOTIONKIT_ROBUSTNESS"):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(text, encoding="utf-8")
