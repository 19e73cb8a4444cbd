"""Draws a person off-screen and measures how what is seen has moved since the first frame.

Coordinates: the world is in metres as in ``anatomy``. Pictures have (x, y) in [-1, 1] with the centres of the first and
last pixel at -1 and 1, y down, as everywhere in motionkit; the graphics side has the outer edges there, and y up.

Legend: N vertices of everything that is drawn, V of the mesh, K keypoints, H W picture size, h w size of flow and
visibility.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import moderngl
import numpy as np
from anatomy import EYE_LEFT, EYE_RIGHT
from geometry import vertex_normals
from people import Person
from performance import Performance
from scene import Camera, Lights, View
from scipy import ndimage
from shaders import DEPTH, HAIR, MEASURE, PAINT

__all__ = ["Renderer", "Shot"]

FLOW_SIDE = 64
FIRST_SIDE = 256
SHADOW_SIDE = 256
SAME_PIECE = 0.004  # metres on the template; about two pixels of the first frame
LEAST_AREA = 0.45  # of what is seen here, in the first frame: a lid folded under the brow cannot be unfolded from it


@dataclass(frozen=True)
class Shot:
    """A rendered frame and the truth about it.

    Attributes:
        image: H W 3 float32 in [0, 255].
        keypoints: K 2 float32, (x, y).
        jacobians: K 2 2 float32; see ``Anatomy.keypoints``.
        flow: h w 2 float32, absolute (x, y) in the first frame of what is seen at each place.
        visibility: h w bool, whether the first frame shows it.
        pose: 3 3 float32, how the head is turned from looking straight ahead, about the picture's x (right), y (down)
            and z (away).
        gaze: 2 float32, radians that the eyes look to the subject's left and up, from straight ahead of the head.
    """

    image: np.ndarray
    keypoints: np.ndarray
    jacobians: np.ndarray
    flow: np.ndarray
    visibility: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray


class Renderer:
    """An off-screen context; one a process.

    Args:
        size: H and W, in pixels.
    """

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self._to_centres = size / (size - 1)  # from coordinates of pixels' outer edges to those of their centres
        self.context = context = moderngl.create_standalone_context(backend="egl")  # type: ignore[arg-type]  # its stub
        context.enable(moderngl.DEPTH_TEST)
        self.depth, self.paint, self.hair, self.measure = (
            context.program(vertex_shader=vertex, fragment_shader=fragment)
            for vertex, fragment in (DEPTH, PAINT, HAIR, MEASURE)
        )
        # One sample a pixel: four tripled the time on software rasterisers. Training sees the clips at half size or,
        # like every camera's pictures, a little soft (``backdrop.degrade``).
        self.canvas = context.simple_framebuffer((size, size), 4)
        self.shadow_map = context.depth_texture((SHADOW_SIDE, SHADOW_SIDE))
        self.shadow_buffer = context.framebuffer(depth_attachment=self.shadow_map)
        self.first_buffer, self.flow_buffer = (
            context.framebuffer(
                [context.texture((side, side), 4, dtype="f4") for _ in range(2)],
                context.depth_renderbuffer((side, side)),
            )
            for side in (FIRST_SIDE, FLOW_SIDE)
        )

    def clip(
        self,
        person: Person,
        play: Performance,
        camera: Camera,
        lights: Lights,
        background: np.ndarray,
        *,
        view: View | None = None,
    ) -> Iterator[Shot]:
        """Render the frames of a performance.

        Args:
            person: Who performs.
            play: What is done; it has at least one frame.
            camera: Where it is seen from.
            lights: What lights it.
            background: Picture in [0, 255], whose middle H W stands behind; what is beyond is for cameras that move.
            view: How the camera moves; None stands still.
        """
        view = view or View.still(len(play.yaw))
        head = person.anatomy.template[:, 2] > 0.56
        target = person.shape[head].mean(0) * [1, 0, 1] + [0, -0.07, 0]
        from_light, to_clip = lights.matrix(target), camera.matrix(target)
        first: _First | None = None
        with closing(_Drawing(self, person, _uniforms(person, camera, lights, target))) as draw:
            for frame in range(len(play.yaw)):
                place = play.moved(frame, person.posed(play.actions[frame], play.gaze[frame]), person.rest)
                normals = vertex_normals(place, person.faces, person.incidence)
                matrix = self._seen(view.matrix(frame)) @ to_clip
                clip = np.c_[place, np.ones(len(place))] @ matrix.T  # N 4
                draw.upload(place, normals, clip if first is None else first.clip)
                behind = view.matrix(frame, background=True)
                image = self._painted(draw, matrix, from_light, self._behind(background, behind))
                if first is None:
                    first = _First(clip, self._measured(self.first_buffer, draw, matrix)[1], behind)
                flow, visibility = self._moved(draw, matrix, first, behind)
                mesh = clip[: len(person.shape)]
                screen = mesh[:, :2] / mesh[:, 3:] * [1, -1] * self._to_centres
                points, jacobians = person.anatomy.keypoints(screen)
                pose = (view.turned(frame) @ camera.seen(play.rotation(frame))).astype(np.float32)
                gaze = play.gaze[frame].astype(np.float32)
                yield Shot(image, points, jacobians, flow, visibility, pose, gaze)

    def _seen(self, similarity: np.ndarray) -> np.ndarray:
        """A similarity of the picture, 3 3, as a map of clip coordinates, 4 4."""
        (a, b, x), (c, d, y), _ = similarity
        scale = 1 / self._to_centres
        return np.array([[a, -b, 0, x * scale], [-c, d, 0, -y * scale], [0, 0, 1, 0], [0, 0, 0, 1]])

    def _behind(self, background: np.ndarray, similarity: np.ndarray) -> np.ndarray:
        """The background, H W 3, where a similarity of the picture puts it."""
        half = (self.size - 1) / 2
        middle = (np.array(background.shape[:2]) - 1) / 2  # row, column
        if np.array_equal(similarity, np.eye(3)):
            top, left = (middle - half).astype(int)
            return background[top : top + self.size, left : left + self.size]
        back = np.linalg.inv(similarity)
        linear = back[1::-1, 1::-1]  # of (row, column)
        offset = middle - linear @ [half, half] + back[1::-1, 2] * half
        planes = [
            ndimage.affine_transform(plane, linear, offset, (self.size, self.size), order=1, mode="mirror")
            for plane in np.moveaxis(background, -1, 0)
        ]
        return np.stack(planes, -1)

    def _painted(
        self, draw: _Drawing, matrix: np.ndarray, from_light: np.ndarray, background: np.ndarray
    ) -> np.ndarray:
        """H W 3 float32: shadow map, then depth alone, then paint where something is foremost."""
        self.shadow_buffer.use()
        self.shadow_buffer.clear(depth=1.0)
        draw.all(self.depth, from_light)
        self.canvas.use()
        self.canvas.clear(0, 0, 0, 0)
        draw.all(self.depth, matrix)
        self.shadow_map.use(0)
        self.context.depth_func = "=="
        draw.all(self.paint, matrix, hair=self.hair)
        self.context.depth_func = "<"
        raw = np.frombuffer(self.canvas.read(components=4), np.uint8).reshape(self.size, self.size, 4)[::-1]
        return np.where(raw[..., 3:] > 0, raw[..., :3], background).astype(np.float32)

    def _measured(self, buffer: moderngl.Framebuffer, draw: _Drawing, matrix: np.ndarray) -> list[np.ndarray]:
        """What ``measure.frag`` gives, twice h w 4 float32 of the buffer's size, rows from the top."""
        buffer.use()
        buffer.clear(0, 0, 0, 0)
        draw.all(self.measure, matrix)
        shape = (buffer.height, buffer.width, 4)
        return [
            np.frombuffer(buffer.read(components=4, attachment=a, dtype="f4"), np.float32).reshape(shape)[::-1]
            for a in (0, 1)
        ]

    def _moved(
        self, draw: _Drawing, matrix: np.ndarray, first: _First, behind: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flow h w 2 and visibility h w, as in ``Shot``; ``behind`` is the similarity of the background, 3 3."""
        side = FLOW_SIDE
        # The grid's outer points lie on the centres of the picture's outer pixels, not half a cell further in.
        fit = (side - 1) / side * self._to_centres
        place, piece = self._measured(self.flow_buffer, draw, np.diag([fit, fit, 1, 1]) @ matrix)
        ramp = np.linspace(-1, 1, side, dtype=np.float32)
        own = np.stack(np.meshgrid(ramp, ramp), -1)
        surface = place[..., 3] > 0.5
        back = first.behind @ np.linalg.inv(behind)
        still = own @ back[:2, :2].T + back[:2, 2]
        flow = np.where(surface[..., None], place[..., :2] * [self._to_centres, -self._to_centres], still)
        there = first.look(flow / self._to_centres)
        same = there[..., 3] == piece[..., 3]
        near = np.linalg.norm(there[..., :3] - piece[..., :3], axis=-1) < SAME_PIECE
        unfolded = place[..., 2] * (side / 2) ** 2 > LEAST_AREA
        inside = (np.abs(flow) <= 1).all(-1)
        return flow.astype(np.float32), inside & same & (~surface | near & unfolded)


@dataclass(frozen=True)
class _First:
    """What later frames need of the first.

    Attributes:
        clip: N 4, clip coordinates of everything.
        piece: FIRST_SIDE FIRST_SIDE 4, which piece of which surface is foremost, as ``measure.frag`` says; 0 for none.
        behind: 3 3, where the camera's movement has put the background.
    """

    clip: np.ndarray
    piece: np.ndarray
    behind: np.ndarray

    def look(self, place: np.ndarray) -> np.ndarray:
        """The piece, h w 4, at h w 2 places in [-1, 1], here the outer edges of the picture."""
        column, row = np.moveaxis(np.clip(((place + 1) / 2 * FIRST_SIDE).astype(int), 0, FIRST_SIDE - 1), -1, 0)
        there: np.ndarray = self.piece[row, column]
        return there


class _Drawing:
    """A person's buffers on the graphics side, and the uniforms that stay the same for a clip."""

    def __init__(self, renderer: Renderer, person: Person, uniforms: dict[str, object]) -> None:
        context = renderer.context
        fixed = np.concatenate([person.rest, person.surface], 1).astype("f4")
        self._ranges = person.ranges
        self._fixed = context.buffer(fixed.tobytes())
        self._moving = context.buffer(reserve=len(fixed) * 10 * 4)
        self._index = context.buffer(person.faces.astype("i4").tobytes())
        programs = (renderer.depth, renderer.paint, renderer.hair, renderer.measure)
        self._arrays = {program: self._array(context, program) for program in programs}
        for program in programs:
            _set(program, uniforms)

    def _array(self, context: moderngl.Context, program: moderngl.Program) -> moderngl.VertexArray:
        """What the program reads of the two buffers; the rest is skipped, as padding of so many times 4 bytes."""
        bindings = []
        for buffer, fields in (
            (self._moving, {"vertex": 3, "vertex_normal": 3, "vertex_before": 4}),
            (self._fixed, {"vertex_rest": 3, "vertex_surface": 3}),
        ):
            layout = " ".join(f"{n}f" if name in program else f"{n}x4" for name, n in fields.items())
            bindings.append((buffer, layout, *(name for name in fields if name in program)))
        return context.vertex_array(program, bindings, self._index)

    def upload(self, place: np.ndarray, normals: np.ndarray, before: np.ndarray) -> None:
        """A frame's positions N 3, normals N 3, and clip coordinates in the first frame N 4."""
        self._moving.write(np.concatenate([place, normals, before], 1).astype("f4").tobytes())

    def all(self, program: moderngl.Program, matrix: np.ndarray, *, hair: moderngl.Program | None = None) -> None:
        """Draw everything with a program, hair perhaps with another, seen through ``matrix`` 4 4."""
        for used in {program, hair or program}:
            _set(used, {"world_to_clip": matrix})
        for drawn in self._ranges:
            used = hair if hair is not None and drawn.layer >= 0 else program
            _set(used, {"layer": drawn.layer})
            self._arrays[used].render(vertices=drawn.count * 3, first=drawn.first * 3)

    def close(self) -> None:
        """Free what the graphics side holds."""
        for array in self._arrays.values():
            array.release()
        for buffer in (self._fixed, self._moving, self._index):
            buffer.release()


def _uniforms(person: Person, camera: Camera, lights: Lights, target: np.ndarray) -> dict[str, object]:
    """By the names that the shaders give them."""
    anatomy = person.anatomy
    return vars(person.paint) | {
        "eye_left": anatomy.eye_centre(anatomy.template, EYE_LEFT),
        "eye_right": anatomy.eye_centre(anatomy.template, EYE_RIGHT),
        "camera": camera.position(target),
        "world_to_light": lights.matrix(target),
        "light_direction": lights.direction,
        "light_colour": lights.colour,
        "sky": lights.sky,
        "ground": lights.ground,
        "shade": lights.shade,
    }


def _set(program: moderngl.Program, uniforms: dict[str, object]) -> None:
    """Set what the program uses of the uniforms."""
    for name, value in uniforms.items():
        uniform = program.get(name, None)
        if isinstance(uniform, moderngl.Uniform):
            array = np.asarray(value, "f4")
            if array.shape == (4, 4):
                array = array.T  # column by column
            uniform.write(np.ascontiguousarray(array).tobytes())
