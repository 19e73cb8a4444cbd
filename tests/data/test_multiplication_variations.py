"""What is drawn by the seed, which pairs there are, and what the quality gate lets through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from motionkit import AnimateOptions, Box, load_model, media, multiply, samples
from motionkit.data.multiplication.options import MultiplyOptions, Variations
from motionkit.data.multiplication.plan import Listed, Plan, make_plan
from motionkit.data.multiplication.variation import SourceDraw, changed_square, draw_motion, draw_source, moved_box
from motionkit.errors import InputError
from motionkit.model import Model
from tests.support.files import write_clip
from tests.support.multiplied import check_whole, given_files, pixels, rows_of
from tests.support.networks import tiny_model

VARIED = Variations(count=3, strength=(0.5, 1.5), gains={0: (1.0, 2.0)}, flip=0.5, jitter=0.3, crop=0.2)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("f" * 64, blend_warped=True)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return given_files(tmp_path_factory.mktemp("given"))


def pairs(options: MultiplyOptions, given: Path) -> list[tuple[str, str]]:
    plan = make_plan(given / "sources", given / "drivings", options)
    jobs = [plan.job(index) for index in range(len(plan))]
    return [(plan.sources[job.source].name, plan.drivings[job.driving].name) for job in jobs]


def test_pairs_by_chance_follow_the_seed(given: Path) -> None:
    chosen = [pairs(MultiplyOptions(pairs="random:4", seed=seed), given) for seed in range(20)]
    assert all(len(set(pair)) == 4 for pair in chosen)
    assert chosen[3] == pairs(MultiplyOptions(pairs="random:4", seed=3), given)
    assert len({tuple(pair) for pair in chosen}) > 5
    assert {one for pair in chosen for one in pair} == set(pairs(MultiplyOptions(), given)), "each comes up"
    with pytest.raises(InputError, match=r"not so many pairs; got random:7; expected at most random:6"):
        pairs(MultiplyOptions(pairs="random:7"), given)
    with pytest.raises(
        InputError, match=r"Unknown pairs; got 'some'; expected all, random:N with N from 1, or the name of a .csv"
    ):
        MultiplyOptions(pairs="some")


def test_pairs_of_a_table(given: Path, tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_text("driving,source\nd1.mp4,s2.png\nd0.mp4,s0.png\nd1.mp4,s2.png\n")
    assert pairs(MultiplyOptions(pairs=str(table)), given) == [("s0.png", "d0.mp4"), ("s2.png", "d1.mp4")]
    table.write_text(f"source,driving\n{given / 'sources' / 's1.png'},d9.mp4\n")
    with pytest.raises(InputError, match=r"A driving of the table of pairs is not listed; got d9.mp4 in .*pairs.csv"):
        pairs(MultiplyOptions(pairs=str(table)), given)
    own = given / "own.csv"
    own.write_text("source,driving\nsources/s1.png,drivings/d0.mp4\n")
    plan = make_plan(None, None, MultiplyOptions(pairs=str(own)))
    assert [str(one.place) for one in (*plan.sources, *plan.drivings)] == [
        str(given / "sources" / "s1.png"), str(given / "drivings" / "d0.mp4")
    ]  # fmt: skip


def test_a_plan_of_a_hundred_million_is_numbers_alone() -> None:
    many = tuple(Listed(str(n), str(n)) for n in range(10_000))
    plan = Plan(many, many, (), range(10**8), 3, 200)
    assert (len(plan), plan.tasks) == (3 * 10**8, 1_500_000)
    last = plan.job(len(plan) - 1)
    assert (last.source, last.driving, last.variation) == (9999, 9999, 2)
    assert [job.index for job in plan.jobs(7)] == list(range(1400, 1600))


def test_the_same_seed_gives_the_same_pixels(given: Path, model: Model, tmp_path: Path) -> None:
    def made(name: str, seed: int) -> dict[str, np.ndarray]:
        options = MultiplyOptions(seed=seed, frames=2, variations=VARIED, gate=False, workers=0)
        multiply(given / "sources", given / "drivings", tmp_path / name, model=model, options=options)
        return pixels(tmp_path / name)

    one, again, other = made("one", 1), made("again", 1), made("other", 2)
    assert one.keys() == again.keys() and all(np.array_equal(one[name], again[name]) for name in one)
    assert [row["sha256"] for row in rows_of(tmp_path / "one")] == [
        row["sha256"] for row in rows_of(tmp_path / "again")
    ]
    shared = one.keys() & other.keys()
    assert not any(np.array_equal(one[name], other[name]) for name in shared)
    assert len(check_whole(tmp_path / "one")) == 6 * 3 * 2
    told = {row["parameters"] for row in rows_of(tmp_path / "one")}
    assert len(told) == 18, "each pair's variation has its own"


def test_draws_fill_their_ranges_and_do_not_depend_on_each_other() -> None:
    options = MultiplyOptions(variations=VARIED)
    draws = [draw_source(options, source, 0) for source in range(400)]
    assert 0.4 < np.mean([draw.flip for draw in draws]) < 0.6
    for name, low, high in (("brightness", 0.7, 1.3), ("side", 0.8, 1.2), ("down", -0.1, 0.1)):
        values = [getattr(draw, name) for draw in draws]
        assert low <= min(values) < low + 0.05 * (high - low) and high - 0.05 * (high - low) < max(values) <= high
    plan = Plan((Listed("", ""),) * 400, (Listed("", ""),), (), range(400), 1, 1)
    strengths = [draw_motion(options, plan.job(n)).strength for n in range(400)]
    assert 0.5 <= min(strengths) < 0.55 and 1.45 < max(strengths) <= 1.5
    plain = MultiplyOptions(variations=Variations(flip=0.5))
    assert [draw_source(plain, n, 0).flip for n in range(400)] == [draw.flip for draw in draws]
    assert draw_source(plain, 5, 0) == SourceDraw(flip=draws[5].flip)


def test_a_source_is_changed_as_drawn() -> None:
    square = np.random.default_rng(0).integers(60, 190, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(changed_square(square, SourceDraw(flip=True)), square[:, ::-1])
    brighter = changed_square(square, SourceDraw(brightness=1.25))
    assert np.abs(brighter - np.rint(square * 1.25)).max() <= 1
    third = changed_square(square, SourceDraw(hue=1 / 3))
    assert np.abs(third.astype(int) - square[..., [2, 0, 1]]).max() <= 1, "a third of a turn makes red green"
    box = moved_box(Box(100, 100, 200, 200), SourceDraw(side=1.2, right=0.1), 400, 400)
    assert (box.width, box.height, box.centre) == (120, 120, (160, 150))
    assert moved_box(Box(0, 0, 100, 100), SourceDraw(right=-0.1), 400, 400).left == 0, "no further than the picture"


def test_wrong_ranges_are_refused() -> None:
    for wrong in ({"strength": (1.5, 0.5)}, {"strength": (0.0, 3.0)}, {"flip": 1.1}, {"gains": {"mouth": (0.0, 5.0)}}):
        with pytest.raises(InputError, match=next(iter(wrong)).rstrip("s")):
            Variations(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="made of squares"):
        MultiplyOptions(animate=AnimateOptions(paste_back=True))


# What follows needs weights that know faces.


@pytest.fixture(scope="module")
def heads() -> Model:
    return load_model("heads")


@pytest.fixture(scope="module")
def faces_given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face, a cup of coffee, four frames of a nod, and a blue picture."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("sources", "blue"):
        (folder / name).mkdir()
    media.write_image(folder / "sources" / "face.png", media.read_image(samples.portrait()))
    media.write_image(folder / "sources" / "cup.png", data.coffee())
    media.write_image(folder / "blue" / "blue.png", np.full((64, 64, 3), (0, 0, 255), np.uint8))
    nod = list(media.open_clip(samples.driving_clip("nod"), fps=5))
    write_clip(folder / "nod.mp4", nod[::3])
    write_clip(folder / "dark.mp4", [np.zeros_like(nod[0])] * 3)
    return folder


def test_the_gate_rejects_what_does_not_follow(faces_given: Path, heads: Model, tmp_path: Path) -> None:
    result = multiply(
        faces_given / "sources",
        faces_given / "nod.mp4",
        tmp_path,
        model=heads,
        options=MultiplyOptions(workers=0),
    )
    rows = {row["source"]: row for row in check_whole(tmp_path)}
    assert rows["face.png"]["status"] == "ok" and rows["face.png"]["follow_error"] < 0.05
    assert rows["cup.png"]["status"] == "rejected" and rows["cup.png"]["reason"] == "The keypoints do not follow"
    assert rows["cup.png"]["follow_error"] > 0.1 and "No face was found" in rows["cup.png"]["note"]
    assert (result.ok, result.rejected, result.reasons) == (1, 1, {"The keypoints do not follow": 1})


def test_a_driving_without_a_face_is_rejected(faces_given: Path, heads: Model, tmp_path: Path) -> None:
    source = faces_given / "sources" / "face.png"
    for name, options in (("clips", MultiplyOptions(workers=0)), ("pictures", MultiplyOptions(frames=2, workers=0))):
        multiply(source, faces_given / "dark.mp4", tmp_path / name, model=heads, options=options)
        (row,) = check_whole(tmp_path / name)
        assert (
            row["status"] in ("rejected", "failed")
            and row["reason"] == "The driving shows nothing that the model knows"
        )


def test_backgrounds_are_kept_or_replaced(faces_given: Path, heads: Model, tmp_path: Path) -> None:
    def made(name: str, **vary: object) -> np.ndarray:
        options = MultiplyOptions(frames=1, variations=Variations(**vary), workers=0)  # type: ignore[arg-type]
        source = faces_given / "sources" / "face.png"
        multiply(source, faces_given / "nod.mp4", tmp_path / name, model=heads, options=options)
        (frames,) = pixels(tmp_path / name).values()
        return frames[0].astype(int)

    kept, replaced = made("kept"), made("replaced", backgrounds=str(faces_given / "blue"))
    corner, face = np.s_[:40, :40], np.s_[100:150, 100:140]
    assert np.abs(replaced[corner] - (0, 0, 255)).mean() < 12 < np.abs(kept[corner] - (0, 0, 255)).mean()
    assert np.abs(replaced[face] - kept[face]).mean() < 12
