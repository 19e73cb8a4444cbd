"""motionkit: bring a still picture to life with another clip's motion.

The verbs and types below load what they need when first touched; importing the package loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionkit.animation.moments import animate
    from motionkit.config import AnimateOptions, ModelConfig
    from motionkit.errors import MotionkitError
    from motionkit.live.widget import webcam
    from motionkit.model import FirstOrderModel, Model, load_model
    from motionkit.motion.templates import MotionTemplate, load_template, save_template
    from motionkit.pipeline.run import animate_file, extract
    from motionkit.structures import AnimationResult, Box, Generated, Keypoints, Progress, VideoInfo
    from motionkit.widgets.widget import panel

_HOME = {
    "animate": "animation.moments",
    "animate_file": "pipeline.run",
    "extract": "pipeline.run",
    "AnimateOptions": "config",
    "ModelConfig": "config",
    "MotionkitError": "errors",
    "FirstOrderModel": "model",
    "Model": "model",
    "load_model": "model",
    "AnimationResult": "structures",
    "Box": "structures",
    "Generated": "structures",
    "Keypoints": "structures",
    "Progress": "structures",
    "VideoInfo": "structures",
    "MotionTemplate": "motion.templates",
    "load_template": "motion.templates",
    "save_template": "motion.templates",
    "panel": "widgets.widget",
    "webcam": "live.widget",
}

__all__ = [
    "AnimateOptions",
    "AnimationResult",
    "Box",
    "FirstOrderModel",
    "Generated",
    "Keypoints",
    "Model",
    "ModelConfig",
    "MotionTemplate",
    "MotionkitError",
    "Progress",
    "VideoInfo",
    "__version__",
    "animate",
    "animate_file",
    "extract",
    "load_model",
    "load_template",
    "panel",
    "save_template",
    "webcam",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("motionkit")
    if name not in _HOME:
        raise AttributeError(f"module 'motionkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"motionkit.{_HOME[name]}"), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
