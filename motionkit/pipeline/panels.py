"""The pictures of one moment side by side: source, driving, what the networks see, result."""

from __future__ import annotations

from motionkit.animation.moments import Moment
from motionkit.drawing import collage as layout
from motionkit.drawing import overlays
from motionkit.frames import Frame
from motionkit.tensors import to_frames

__all__ = ["panels"]


def panels(moment: Moment, result: Frame, extra: tuple[str, ...] = ()) -> list[layout.Panel]:
    """Source | driving | the extra panels asked for | result, as far as they are there."""
    shown = [layout.Panel("source", moment.source)]
    if moment.driving is not None:
        shown.append(layout.Panel("driving", moment.driving))
    shown += [panel for name in extra for panel in _extra_panels(name, moment)]
    return [*shown, layout.Panel("result", result)]


def _extra_panels(name: str, moment: Moment) -> list[layout.Panel]:
    height, width = moment.frame.shape[:2]
    generated = moment.generated
    if name == "keypoints":
        ground = moment.frame if moment.driving is None else moment.driving
        points = moment.keypoints if moment.driving is None else moment.driving_keypoints
        return [layout.Panel("keypoints", overlays.draw_keypoints(ground, points.to("cpu")))]
    if name == "occlusion":
        if generated.occlusion is None:
            return []
        occlusion = generated.occlusion[0, 0].float().cpu().numpy()
        return [layout.Panel("occlusion", overlays.occlusion_picture(occlusion, (width, height)))]
    if name == "flow":
        flow = generated.flow[0].float().cpu().numpy()
        return [layout.Panel("flow", overlays.flow_picture(flow, (width, height)))]
    return [layout.Panel("deformed", to_frames(generated.deformed)[0])]
