"""All faults, category by category."""

from __future__ import annotations

from tests.robustness.clocks import CLOCKS
from tests.robustness.containers import CONTAINERS
from tests.robustness.damage import DAMAGE
from tests.robustness.disks import DISKS as PATHS
from tests.robustness.fault import Category, Fault
from tests.robustness.geometry import GEOMETRY
from tests.robustness.headers import HEADERS as CHECKPOINTS
from tests.robustness.options import OPTIONS
from tests.robustness.pictures import PICTURES
from tests.robustness.templates import TEMPLATES
from tests.robustness.training_data import TRAINING

__all__ = ["CATEGORIES", "FAULTS", "QUICK"]

SAMPLE = 18  # of each category one fault in so many is tried in the quick part too, spread over it

CATEGORIES: list[Category] = [
    CONTAINERS,
    GEOMETRY,
    CLOCKS,
    DAMAGE,
    PICTURES,
    CHECKPOINTS,
    TEMPLATES,
    OPTIONS,
    PATHS,
    TRAINING,
]
FAULTS: list[Fault] = [fault for category in CATEGORIES for fault in category.faults]
QUICK = {fault.id for category in CATEGORIES for fault in category.faults[1::SAMPLE]} | {
    f.id for f in FAULTS if f.quick
}
"""Ids of the faults of the quick part."""
