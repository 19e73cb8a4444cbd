"""Training configurations to JSON and back, what they refuse, and the published recipes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from motionkit.config import PUBLISHED
from motionkit.errors import ConfigError
from motionkit.model import load_model
from motionkit.training import PRESETS, STARTS, TrainConfig
from motionkit.training.widening import is_wider
from tests.support.training_runs import small_run


@pytest.mark.parametrize("name", PRESETS)
def test_json_gives_the_same_configuration_back(name: str) -> None:
    config = PRESETS[name]
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert json.loads(json.dumps(config.to_dict())) == config.to_dict()


def test_what_is_not_given_is_defaulted() -> None:
    model = small_run().model
    config = TrainConfig.from_dict({"model": model.to_dict(), "data": {"repeats": 3}, "ema": 0, "steps": 5})
    assert config.data.repeats == 3 and config.data.workers == TrainConfig(model=model).data.workers
    assert config.ema == 0.0 and isinstance(config.ema, float) and config.steps == 5 and config.clip is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"epoch": 3}, "Unknown field epoch; expected one of model, data"),
        ({"loss": {"gann": 1}}, r"Unknown field loss\.gann; expected one of loss\.network"),
        ({"loss": 3}, "loss is no group of fields; got 3"),
        ({"loss": {"network": "resnet"}}, "network is of another kind.*one of vgg19, efficientnet, none"),
        ({"betas": [0.5]}, "betas is of another kind.*a list of 2 of float"),
        ({"betas": [0.5, "x"]}, "betas is of another kind; got 'x'; expected float"),
        ({"milestones": [1.5]}, "milestones is of another kind; got 1.5; expected int"),
        ({"epochs": "many"}, "epochs is of another kind; got 'many'; expected int"),
        ({"epochs": True}, "epochs is of another kind"),
        ({"data": {"cache": 1}}, r"data\.cache is of another kind; got 1; expected bool"),
        ({"augmentation": {"resize": [0.9, 1.1, 2]}}, r"augmentation\.resize is of another kind"),
        ({"epochs": 0}, "epochs is out of range; got 0; expected a whole number from 1 to 1000000000"),
        ({"steps": 0}, "steps is out of range"),
        ({"batch_size": 10**9}, "batch_size is out of range; got 1000000000; expected a whole number from 1 to 65536"),
        ({"seed": -1}, "seed is out of range; got -1"),
        ({"seed": 10**10_000}, r"seed is out of range; got a number of some \d+ digits"),
        ({"data": {"workers": -1}}, "workers is out of range; got -1; expected a whole number from 0 to 256"),
        ({"data": {"repeats": 0}}, "repeats is out of range; got 0"),
        ({"data": {"test_share": float("nan")}}, "test_share is out of range; got nan"),
        ({"augmentation": {"hue": 2}}, "hue is out of range"),
        ({"augmentation": {"resize": [1.1, 0.9]}}, "resize is no range"),
        ({"augmentation": {"rotation": float("inf")}}, "rotation is out of range; got inf"),
        ({"loss": {"pixel": float("nan")}}, "pixel is out of range; got nan"),
        ({"loss": {"perceptual": [10**400]}}, "a weight of perceptual is out of range; got inf"),
        ({"loss": {"scales": [0]}}, "a scale is out of range; got 0"),
        ({"loss": {"points_tps": 10**6}}, "points_tps is out of range"),
        ({"loss": {"true_motion": float("nan")}}, "Shares of the pairs are out of range"),
        ({"betas": [0.5, 1]}, "a beta is out of range"),
        ({"milestones": [-3]}, "a milestone is out of range; got -3"),
        ({"checkpoint_minutes": float("nan")}, "checkpoint_minutes is out of range; got nan"),
        ({"ema": 1.0}, "ema is out of range"),
        ({"clip": 0}, "clip is out of range"),
        ({"lr_generator": 0}, "lr_generator is out of range"),
        ({"lr_detector": -1}, "lr_detector is out of range"),
        ({"detector_groups": ["mouth"]}, "detector_groups names no group of the model's keypoints; got mouth"),
        ({"generator_groups": ["mouth"]}, "generator_groups names no group of the model's keypoints; got mouth"),
        (
            {"generator_part": "encoder"},
            "generator_part is of another kind; got 'encoder'; expected one of all, decoder",
        ),
        ({"batch_size": 5, "accumulate": 2}, "equal parts"),
        ({"loss": {"true_keypoints": 0.6, "true_motion": 0.5}}, "true_motion 0.5; expected from 0, in all at most 1"),
        ({"loss": {"true_motion": -0.1}}, "Shares of the pairs are out of range"),
        ({"data": {"size": 30}}, "cannot see a picture of this size"),
        ({"model": 3}, "needs a model"),
    ],
)
def test_mistakes_are_named(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        TrainConfig.from_dict({"model": small_run().model.to_dict(), **values})


# The table of the paper's supplementary material and the published YAML files, written out once more.
RECIPES = """
vox        100  75  60,90  40  0  2e-4  0.1  yes
vox-adv    150  75  -      36  1  2e-4  0.1  yes
taichi     100  150 60,90  30  0  2e-4  0.1  yes
taichi-adv 150  150 -      27  1  0     0.1  yes
fashion    100  50  60,90  27  1  2e-4  hue  no
bair       20   1   12,18  36  1  2e-4  0.1  no
mgif       100  25  60,90  36  1  2e-4  hue  no
nemo       100  8   60,90  36  1  2e-4  no   no
"""


@pytest.mark.parametrize("row", RECIPES.strip().splitlines(), ids=lambda row: row.split()[0])
def test_published_recipes(row: str) -> None:
    name, epochs, repeats, milestones, batch, gan, rate, jitter, identities = row.split()
    config = PRESETS[name]
    assert config.model == PUBLISHED[name]
    assert (config.epochs, config.data.repeats, config.batch_size) == (int(epochs), int(repeats), int(batch))
    assert config.milestones == (() if milestones == "-" else tuple(int(part) for part in milestones.split(",")))
    assert (config.loss.gan, config.lr_detector, config.lr_generator) == (float(gan), float(rate), 2e-4)
    assert config.data.id_sampling == (identities == "yes")
    change = config.augmentation
    if jitter == "hue":
        assert change.hue == (0.5 if name == "mgif" else 0.1)
        assert change.brightness == change.contrast == change.saturation == 0
    else:
        expected = 0.1 if jitter == "0.1" else 0.0
        assert {change.brightness, change.contrast, change.saturation, change.hue} == {expected}
    assert change.resize == ((0.9, 1.1) if name == "mgif" else None)
    assert change.horizontal_flip and change.time_flip
    assert config.betas == (0.5, 0.999)
    loss = config.loss
    assert loss.network == "vgg19" and loss.perceptual == (10,) * 5 and loss.scales == (1, 0.5, 0.25, 0.125)
    assert (loss.feature_matching, loss.equivariance_value, loss.equivariance_jacobian) == (10, 10, 10)
    assert (loss.sigma_affine, loss.sigma_tps, loss.points_tps) == (0.05, 0.005, 5)


def test_adversarial_presets_begin_with_the_plain_ones() -> None:
    assert STARTS == {"vox-adv": "vox", "taichi-adv": "taichi", "heads-adv": "heads"}
    adversarial, plain = PRESETS["heads-adv"], PRESETS["heads"]
    assert adversarial.loss.gan and not plain.loss.gan and adversarial.lr_detector == 0
    assert adversarial.model.replace(discriminator=plain.model.discriminator) == plain.model
    embedded = load_model("heads").config
    further = {"num_kp": plain.model.num_kp, "keypoint_names": plain.model.keypoint_names}
    further |= {"keypoint_groups": plain.model.keypoint_groups, "eyes": plain.model.eyes}
    further |= {"mouth": plain.model.mouth}
    # The embedded weights are the preset's, or begin training for the further keypoints of the next.
    assert embedded == plain.model or is_wider(plain.model, embedded)
    assert embedded.replace(**further) == plain.model
