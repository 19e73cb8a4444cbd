"""Keypoints, occlusion and flow as pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import rgb2lab
from torchvision.utils import flow_to_image

from motionkit.drawing.overlays import COLOURS, draw_keypoints, flow_picture, keypoint_colour, occlusion_picture
from motionkit.errors import InputError
from motionkit.structures import Keypoints

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
DEFICIENCIES = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def grey(width: int, height: int, level: int = 90) -> np.ndarray:
    return np.full((height, width, 3), level, dtype=np.uint8)


def identity(height: int, width: int) -> np.ndarray:
    """The flow that moves nothing, written as the networks write it: 2·i/(n − 1) − 1."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([2 * x / np.float32(width - 1) - 1, 2 * y / np.float32(height - 1) - 1], axis=-1)


def centroid(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(x, y) of the middle of what changed."""
    weight = np.abs(after.astype(float) - before).sum(axis=2)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize(
    ("point", "pixel"),
    [
        ((0, 0), (50, 30)),
        ((-0.5, 0.5), (25, 45)),
        ((0.5, -0.5), (75, 15)),
        ((0.01, 0), (50.5, 30)),
        ((0, 0.02), (50, 30.6)),
    ],
)
def test_a_dot_is_centred_on_its_point_to_a_part_of_a_pixel(point, pixel):
    frame = grey(101, 61)

    drawn = draw_keypoints(frame, np.array([point]))

    assert np.allclose(centroid(frame, drawn), pixel, atol=0.05)


@pytest.mark.parametrize(("x", "y"), [(-1, -1), (1, -1), (-1, 1), (1, 1)])
def test_corners_of_the_range_are_the_corner_pixels(x, y):
    frame = grey(101, 61)
    drawn = draw_keypoints(frame, np.array([[x, y]]), radius=3)

    row, column = (0 if y < 0 else 60), (0 if x < 0 else 100)
    assert tuple(drawn[row, column]) == COLOURS[0]
    changed_rows, changed_columns = np.nonzero((drawn != frame).any(axis=2))
    assert abs(changed_rows - row).max() == abs(changed_columns - column).max() <= 5  # a quarter of a disc


def test_each_dot_has_its_own_colour():
    points = np.array([[x, 0.0] for x in np.linspace(-0.9, 0.9, 10)])
    drawn = draw_keypoints(grey(256, 256), points)

    columns = np.rint((points[:, 0] + 1) / 2 * 255).astype(int)
    assert [tuple(drawn[127, column]) for column in columns] == list(COLOURS)


def test_repeated_colours_have_a_dark_centre():
    points = np.zeros((11, 2))
    points[:10, 0], points[10] = 0.9, (-0.5, -0.5)
    drawn = draw_keypoints(grey(101, 101), points, radius=6)

    assert keypoint_colour(10) == keypoint_colour(0)
    assert drawn[25, 25].max() < 40
    assert tuple(drawn[25, 29]) == COLOURS[0]


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_stay_apart_for_the_colour_blind(deficiency):
    part = np.array(COLOURS) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))

    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    assert distance[~np.eye(len(COLOURS), dtype=bool)].min() >= 16


def test_axes_are_the_columns_of_the_jacobian():
    frame, point = grey(257, 257), np.zeros((1, 2))
    dot = draw_keypoints(frame, point)
    # Columns: the unit vector along x goes to (1, 0), the one along y to (0, 0).
    right = draw_keypoints(frame, point, np.array([[[1.0, 0], [0, 0]]]))
    # Along x goes to (0, 1) = downwards, a row-wise reading would draw it to the right.
    down = draw_keypoints(frame, point, np.array([[[0, 0], [1.0, 0]]]))

    rows, columns = np.nonzero((right != dot).any(axis=2))
    assert columns.min() > 128 and abs(rows - 128).max() <= 4
    assert abs(columns.max() - (128 + 16)) <= 4  # a 16th of 256 pixels, and the round end
    assert np.array_equal(down, right.transpose(1, 0, 2))


def test_the_second_axis_is_lighter():
    drawn = draw_keypoints(grey(257, 257), np.zeros((1, 2)), np.eye(2)[None])
    colour = np.array(COLOURS[0])

    assert np.array_equal(drawn[128, 139], colour)
    assert np.allclose(drawn[139, 128], (colour + 255) / 2, atol=1)


def test_axes_grow_with_the_jacobian_up_to_a_limit():
    frame, reach = grey(257, 257), []
    for norm in (0.5, 1, 2, 50, 5000):
        drawn = draw_keypoints(frame, np.zeros((1, 2)), np.array([[[norm, 0], [0, 0]]]))
        reach.append(np.nonzero((drawn != frame).any(axis=2))[1].max() - 128)

    assert np.allclose(np.diff(reach[:3]), [8, 16], atol=1)
    assert reach[3] == reach[4] <= 257 / 6 + 5


def test_axes_of_a_wide_picture_are_stretched_as_it_is():
    frame = grey(401, 201)
    drawn = draw_keypoints(frame, np.zeros((1, 2)), np.eye(2)[None])

    rows, columns = np.nonzero((drawn != frame).any(axis=2))
    assert abs((columns.max() - 200) - (rows.max() - 100) - (25 - 12.5)) <= 1


def test_points_outside_the_picture_are_cut_off():
    frame = grey(64, 64)
    points = np.array([[5.0, 0], [0, -9.0], [1e9, 1e9]])

    assert np.array_equal(draw_keypoints(frame, points, np.tile(np.eye(2), (3, 1, 1))), frame)


def test_keypoints_of_a_batch_of_one_are_the_same_as_arrays():
    generator = torch.Generator().manual_seed(0)
    value = (torch.rand(1, 10, 2, generator=generator) * 2 - 1).requires_grad_()
    jacobian = torch.randn(1, 10, 2, 2, generator=generator)
    frame = data.astronaut()

    drawn = draw_keypoints(frame, Keypoints(value, jacobian))

    assert np.array_equal(drawn, draw_keypoints(frame, value[0].detach().numpy(), jacobian[0].numpy()))
    without = draw_keypoints(frame, Keypoints(value))
    assert np.array_equal(without, draw_keypoints(frame, value[0].detach().numpy()))


def test_drawing_leaves_the_frame_and_far_pixels_alone():
    frame = data.astronaut()
    frame.setflags(write=False)
    before = frame.copy()

    drawn = draw_keypoints(frame, np.zeros((1, 2)), np.eye(2)[None], names=["nose"])

    assert np.array_equal(frame, before)
    changed = (drawn != frame).any(axis=2)
    changed[200:320, 200:400] = False
    assert not changed.any()


def test_names_stay_inside_and_apart():
    frame = grey(256, 256)
    points = np.array([[0.99, -0.99], [0.99, 0.99], [-0.99, 0.99], [0, 0], [0.02, 0]])
    plain = draw_keypoints(frame, points)
    alone = []
    for index in range(5):
        names = ["mouth_left" if at == index else "" for at in range(5)]
        alone.append((draw_keypoints(frame, points, names=names) != plain).any(axis=2))
    together = (draw_keypoints(frame, points, names=["mouth_left"] * 5) != plain).any(axis=2)

    inks = [ink.sum() for ink in alone]
    assert min(inks) > 0.8 * max(inks)  # nothing cut off at a border
    assert together.sum() > 0.9 * 5 * np.median(inks)  # nothing written over another name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_keypoints(np.zeros((4, 4, 3)), np.zeros((1, 2))), "float64.*H W 3 uint8"),
        (lambda: draw_keypoints(grey(8, 8), np.zeros((1, 3))), r"wrong shape; got \(1, 3\); expected K 2"),
        (lambda: draw_keypoints(grey(8, 8), np.zeros((2, 2)), np.zeros((1, 2, 2))), r"Jacobians.*\(2, 2, 2\)"),
        (lambda: draw_keypoints(grey(8, 8), np.full((1, 2), np.nan)), "not finite"),
        (lambda: draw_keypoints(grey(8, 8), np.zeros((2, 2)), names=["a"]), "got 1 names; expected 2"),
        (lambda: draw_keypoints(grey(8, 8), Keypoints(torch.zeros(2, 5, 2))), "batch of 2"),
        (lambda: occlusion_picture(np.full((4, 4), 1.5), (8, 8)), "out of range; got 1.5 … 1.5"),
        (lambda: occlusion_picture(np.zeros((1, 4, 4)), (8, 8)), "expected h w"),
        (lambda: occlusion_picture(np.full((4, 4), np.nan), (8, 8)), "not finite"),
        (lambda: flow_picture(np.zeros((4, 4, 3)), (8, 8)), "expected h w 2"),
        (lambda: flow_picture(np.zeros((4, 4)), (8, 8)), "expected h w 2"),
        (lambda: flow_picture(np.zeros((4, 4, 2)), (8, 8), scale=0), "not positive"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_visible_is_white_and_hidden_is_black():
    occlusion = np.zeros((4, 6))
    occlusion[:, 3:] = 1

    picture = occlusion_picture(occlusion, (60, 40))

    assert picture.shape == (40, 60, 3) and picture.dtype == np.uint8
    assert (picture[:, :24] == 0).all() and (picture[:, 36:] == 255).all()
    assert (np.diff(picture[0, :, 0].astype(int)) >= 0).all()
    assert (occlusion_picture(np.full((3, 3), 0.5), (3, 3)) == 128).all()


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (100, 31)])
@pytest.mark.parametrize("shape", [(64, 64), (16, 40)])
def test_identity_flow_is_white(size, shape):
    picture = flow_picture(identity(*shape), size)

    assert picture.shape == (size[1], size[0], 3)
    assert (picture == 255).all()


@pytest.mark.parametrize(
    ("move", "colour"),
    [((0.25, 0), (255, 0, 0)), ((0, 0.25), (255, 234, 0)), ((-0.25, 0), (0, 197, 255)), ((0, -0.25), (103, 0, 255))],
)
def test_content_that_moves_has_the_hue_of_its_direction(move, colour):
    # Content that moves right comes from the left: the flow is the identity less the move.
    picture = flow_picture(identity(32, 32) - np.array(move), (32, 32))

    assert (np.ptp(picture.reshape(-1, 3).astype(int), axis=0) <= 1).all()
    assert np.allclose(picture[16, 16], colour, atol=1)


def test_saturation_is_the_distance():
    for part in (0.25, 0.5, 1.0):
        picture = flow_picture(identity(8, 8) - np.array([0.1 * part, 0]), (8, 8), scale=0.1)
        assert np.allclose(picture, [255, 255 * (1 - part), 255 * (1 - part)], atol=1)
    far = flow_picture(identity(8, 8) - np.array([0.9, 0]), (8, 8), scale=0.1)
    assert np.array_equal(far, flow_picture(identity(8, 8) - np.array([0.1, 0]), (8, 8), scale=0.1))


@pytest.mark.parametrize(
    ("steps", "colour"),
    [(15, (255, 255, 0)), (21, (0, 255, 0)), (25, (0, 255, 255)), (36, (0, 0, 255)), (49, (255, 0, 255))],
)
def test_pure_colours_lie_at_the_published_steps_of_55(steps, colour):
    angle = 2 * np.pi * steps / 55
    picture = flow_picture(identity(4, 4) - 0.25 * np.array([np.cos(angle), np.sin(angle)]), (4, 4))

    assert np.allclose(picture, colour, atol=1)


def test_the_wheel_has_no_jump():
    angle = np.linspace(-np.pi, np.pi, 720)
    motion = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None].repeat(2, axis=0)
    colours = flow_picture(identity(2, 720) - 0.25 * motion, (720, 2))[0].astype(int)

    assert np.abs(np.diff(colours, axis=0, append=colours[:1])).max() <= 6  # 64 a step, 13 pixels a step


def test_the_wheel_is_nearly_that_of_torchvision():
    generator = np.random.default_rng(0)
    angle, length = generator.uniform(-np.pi, np.pi, (32, 32)), np.sqrt(generator.uniform(0, 1, (32, 32)))
    length[0, 0] = 1  # torchvision scales by the longest motion
    motion = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * length[..., None]

    ours = flow_picture(identity(32, 32) - 0.25 * motion, (32, 32))

    theirs = flow_to_image(torch.from_numpy(motion).permute(2, 0, 1).float()).permute(1, 2, 0).numpy()
    # Theirs has the gap between the last colour and red, ours spreads it: at most one step of 255 / 4.
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 64 and difference.mean() <= 5
