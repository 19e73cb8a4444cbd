"""A picture that does what an expression says, from file to file."""

from __future__ import annotations

import warnings
from pathlib import Path

from motionkit import media, trust
from motionkit.animation.moments import moments
from motionkit.config import AnimateOptions
from motionkit.config.checks import check_path, shown
from motionkit.errors import InputError, MotionkitWarning
from motionkit.model import Model, check_model
from motionkit.motion.expressions import CURVES, Expression, Take
from motionkit.pipeline.outputs import finish
from motionkit.pipeline.subject import open_source
from motionkit.structures import PoseResult

__all__ = ["pose_file"]


def pose_file(
    source: str | Path,
    expression: Expression,
    output: str | Path,
    *,
    model: Model,
    options: AnimateOptions | None = None,
) -> PoseResult:
    """Make a picture in which the source does what an expression says.

    Args:
        source: A picture; of a clip the first frame.
        expression: What the face does beyond what it does already.
        output: The picture to write.
        model: As ``load_model`` gives it.
        options: None is the defaults.

    Returns:
        The picture, which is labelled as every result is.

    Raises:
        InputError, MediaError: An input or the target cannot be used, or expressions do not know the model's keypoints.
        FaceNotFoundError: A face was insisted on and not found.
    """
    options = AnimateOptions.given(options)
    check_model(model)
    if not isinstance(expression, Expression):
        raise InputError("This is no expression", got=shown(expression), expected="mk.Expression(jaw_open=0.5, …)")
    path, target = check_path("source", source), check_path("output", output)
    if target.suffix.lower() not in media.IMAGE_SUFFIXES:
        raise InputError("A pose is a picture", got=str(target), expected=" ".join(media.IMAGE_SUFFIXES))
    media.check_target(target, path)
    seal = trust.make_seal([("source", path)], model=(model.config.name, model.fingerprint))
    subject, take = open_source(path, model.config, options), Take([expression])
    still = [name for name in model.rig.still() if take.curves[0, CURVES.index(name)]]
    if still:
        warnings.warn(f"{', '.join(still)[:200]}: none of the model's keypoints shows it", MotionkitWarning, 2)
    options = options.replace(smoothing=0.0)
    group = [next(moments(subject.squares(box), take, model=model, options=options)) for box in subject.boxes]
    picture = finish(subject, subject.first_picture() if options.pasted else None, group, options)
    media.write_image(target, picture, metadata=trust.container_metadata(), seal=seal)
    return PoseResult(target, subject.boxes[0])
