"""All faults, category by category."""

from __future__ import annotations

from tests.robustness.checkpoints import CHECKPOINTS
from tests.robustness.clocks import CLOCKS
from tests.robustness.containers import CONTAINERS
from tests.robustness.damage import DAMAGE
from tests.robustness.fault import Category, Fault
from tests.robustness.geometry import GEOMETRY
from tests.robustness.pictures import PICTURES

__all__ = ["CATEGORIES", "FAULTS"]

CATEGORIES: list[Category] = [CONTAINERS, GEOMETRY, CLOCKS, DAMAGE, PICTURES, CHECKPOINTS]
FAULTS: list[Fault] = [fault for category in CATEGORIES for fault in category.faults]
