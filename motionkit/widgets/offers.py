"""All that the panel's page is told to offer with a model."""

from __future__ import annotations

from typing import Any

from motionkit import drive
from motionkit.model import Model
from motionkit.widgets.controls import choices
from motionkit.widgets.gallery import offered
from motionkit.widgets.models import models_offered
from motionkit.widgets.pose import pose_choices

__all__ = ["offers"]


def offers(model: Model) -> dict[str, Any]:
    """Controls with ranges and defaults, Pose, samples, models and devices, and where results are saved to, as JSON.

    Args:
        model: In use.
    """
    return {
        **choices(model.config),
        "model": model.config.name,
        "models": models_offered(model),
        "pose": pose_choices(model),
        "samples": offered(),
        "drive": str(drive.MOUNT_POINT / "MyDrive" / "motionkit") if drive.in_colab() else "",
    }
