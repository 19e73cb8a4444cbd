"""What training minimises: each loss by name, from a batch of pairs in one module forward.

Source: arXiv 2003.00196, section 3.4 and supplementary; the supervised terms are for data that carries its truth.
Every term is a mean over the batch of terms that depend on one pair each, so that the gradient of a batch is the mean
of its parts' gradients however it is spread over processes.

Legend: B batch, K keypoints, H W picture size, h w size of the motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from motionkit.data.batch import Batch, Truth
from motionkit.errors import ConfigError
from motionkit.modules.discriminator import Discriminator
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.grid import at_least_float32, gaussian, identity_grid
from motionkit.structures import Generated, Keypoints
from motionkit.tensors import resize
from motionkit.training.adversarial import Shown, adversarial_terms, check_size
from motionkit.training.close_ups import close_ups
from motionkit.training.config import TrainConfig
from motionkit.training.equivariance import Transform, equivariance_jacobian, equivariance_value
from motionkit.training.partly import learn_to_find, learn_to_follow, learn_to_paint
from motionkit.training.perceptual import features, l1, perceptual_loss
from motionkit.training.supervision import flow_loss, hidden, visibility_loss, warped_loss
from motionkit.training.teacher_forcing import seen_keypoints

__all__ = ["GeneratorObjective", "Losses"]

FOCUS_VARIANCE = 0.006  # squared units of the picture's half: a mouth or an eye around its points


@dataclass(frozen=True, slots=True)
class Losses:
    """What the objective makes of one batch.

    Attributes:
        terms: Name to weighted scalar, for the terms of ``LossConfig`` that take part.
        generated: What the generator made; None if no term is about it and the detector alone is trained.
        source: B K, the source's keypoints that the generator saw: predicted, or for some pairs true.
        driving: B K, the driving picture's: predicted, or for some pairs true or moved truly.
        shown: What the discriminator saw; None without an adversarial loss.
    """

    terms: Mapping[str, Tensor]
    generated: Generated | None
    source: Keypoints
    driving: Keypoints
    shown: Shown | None = None

    @property
    def total(self) -> Tensor:
        """The sum of all terms, what to call ``backward`` on."""
        return torch.stack(list(self.terms.values())).sum()


class GeneratorObjective(nn.Module):
    """Detector and generator, and everything that pulls at them.

    Without truth the generator's losses reach the detector, as published. Where the data carries truth and
    ``LossConfig.keypoints`` or ``keypoint_motion`` ask for it, the detector learns from it (and equivariance) alone.

    Args:
        config: Of the training run. With ``lr_detector`` 0 the detector is frozen, batch norms included, and
            equivariance, which concerns it alone, is left out; with ``detector_groups`` all but the maps of these.
            With ``generator_groups`` the generator is frozen likewise, but for what concerns these, and with a
            ``generator_part`` but for that.
        model: What is trained; its parameters are this module's.
        discriminator: Needed if ``LossConfig.gan`` is set. Not a sub-module: it is trained and moved on its own.

    Raises:
        ConfigError: No discriminator where one is needed, or one that sees nothing in pictures so small.
        DownloadError: The weights of the perceptual network cannot be downloaded.
        MissingPackageError: The package of the perceptual network is not installed.
    """

    def __init__(self, config: TrainConfig, model: FirstOrderModel, discriminator: Discriminator | None = None) -> None:
        super().__init__()
        if config.loss.gan and discriminator is None:
            raise ConfigError("The adversarial loss needs a discriminator", got=f"gan {config.loss.gan:g}")
        if config.loss.gan:
            check_size(config)
        self.loss, self.model_config = config.loss, config.model
        self.model = model
        self.frozen_detector = config.lr_detector == 0
        model.kp_detector.requires_grad_(not self.frozen_detector)
        self.keeps_detector = self.frozen_detector or bool(config.detector_groups)
        if config.detector_groups:
            learn_to_find(model.kp_detector, self._keypoints(config.detector_groups))
        self.keeps_generator = bool(config.generator_groups) or config.generator_part != "all"
        if config.generator_part != "all":
            learn_to_paint(model.generator, config.generator_part)
        if config.generator_groups:
            learn_to_follow(model.generator, self._keypoints(config.generator_groups))
        self.perceptual = features(config.loss.network) if any(config.loss.perceptual) else None
        self._discriminator = (discriminator,)  # in a tuple, so that it does not become a sub-module

    def train(self, mode: bool = True) -> GeneratorObjective:
        """Choose training (``mode``) or eval mode, as for any module; a network that is kept stays in eval mode."""
        super().train(mode)
        if self.keeps_detector:
            detector = self.model.kp_detector.eval()
            if detector.eyes is not None:
                detector.eyes.train(mode and detector.eyes.kp.weight.requires_grad)
        if self.keeps_generator:
            generator = self.model.generator.eval()
            if generator.mouth is not None:
                generator.mouth.train(mode and generator.mouth.paint.weight.requires_grad)
        return self

    def forward(self, batch: Batch) -> Losses:
        """Compute the losses of a batch of pairs, in float32 also under autocast.

        Args:
            batch: B pairs, on the model's device.

        Raises:
            ConfigError: No term takes part, true keypoints are missing or not the model's, or the model cannot see
                pictures of this size.
        """
        source, driving, transformed, transform = self._detect(batch)
        truth = batch.truth if self.loss.keypoints or self.loss.keypoint_motion else None
        seen_source, seen_driving = source, driving
        if truth is not None:
            _check_truth(truth, driving)
            seen_source, seen_driving = seen_keypoints(
                source,
                driving,
                truth,
                batch.seed,
                true_keypoints=self.loss.true_keypoints,
                true_motion=self.loss.true_motion,
            )
        generated, shown, terms = None, None, dict[str, Tensor]()
        decode = self._is_about_pictures()
        if decode or self._is_about_motion():
            generated = self.model.generate(
                batch.source, seen_source, seen_driving, decode=decode, wanted=batch.driving
            )
            importance = self._importance(batch)
            terms |= self._picture_terms(generated, batch, importance)
            if batch.truth is not None:
                terms |= self._motion_terms(generated, batch.driving, batch.truth, importance)
            if self.loss.gan:
                shown = self._shown(generated.image, batch, seen_driving)
                terms |= self._adversarial_terms(shown)
        if transform is not None and transformed is not None:
            terms |= self._equivariance_terms(driving, transformed, transform)
        if batch.truth is not None:
            terms |= self._keypoint_terms(source, driving, batch.truth)
        if not terms:
            todo = "Give a term of the LossConfig a weight, and supervised ones data with truth"
            raise ConfigError("No loss takes part", todo=todo)
        return Losses(terms, generated, seen_source, seen_driving, shown)

    def _detect(self, batch: Batch) -> tuple[Keypoints, Keypoints, Keypoints | None, Transform | None]:
        """Keypoints of source, driving and transformed driving pictures, from one pass over them all."""
        size = self.model_config.size
        pictures = [batch.source, batch.driving]
        if self.model_config.blend_warped:
            pictures = [resize(part, size) for part in pictures]
        transform = None
        if (self.loss.equivariance_value or self.loss.equivariance_jacobian) and not self.frozen_detector:
            transform = Transform.random(
                batch.seed,
                sigma_affine=self.loss.sigma_affine,
                sigma_tps=self.loss.sigma_tps,
                points=self.loss.points_tps,
                like=batch.driving,
            )
            pictures.append(transform.warp_images(pictures[1]))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen_detector):
            keypoints = self.model.detect(torch.cat(pictures))
        parts = [keypoints[i : i + len(batch)] for i in range(0, len(keypoints), len(batch))]
        return parts[0], parts[1], parts[2] if transform else None, transform

    def _importance(self, batch: Batch) -> Tensor | None:
        """B 1 H W, 1 and more near the true driving keypoints that ``LossConfig.focus`` is about; None for none."""
        if not self.loss.focus or batch.truth is None:
            return None
        grid = identity_grid(*batch.driving.shape[2:], like=batch.driving)
        near = gaussian(batch.truth.driving.value[:, self._keypoints(self.loss.focus_groups)], grid, FOCUS_VARIANCE)
        return 1 + self.loss.focus * near.amax(1, keepdim=True)

    def _keypoints(self, groups: Sequence[str]) -> list[int]:
        """Indices of the keypoints of the groups that are named, together."""
        return sorted({i for group in self._groups(groups) for i in group})

    def _groups(self, names: Sequence[str]) -> list[list[int]]:
        """Indices of the keypoints of each of the model's groups that are named."""
        config = self.model_config
        if unknown := set(names) - set(config.keypoint_groups):
            raise ConfigError("The model has no such keypoint groups", got=", ".join(sorted(unknown)))
        return [[config.keypoint_names.index(name) for name in config.keypoint_groups[group]] for group in names]

    def _picture_terms(self, generated: Generated, batch: Batch, importance: Tensor | None) -> dict[str, Tensor]:
        terms = {}
        if self.loss.pixel:
            error = (at_least_float32(generated.image) - batch.driving).abs()
            if importance is not None:
                error = importance * error
            if self.loss.hidden and batch.truth is not None:
                error = error * (1 + self.loss.hidden * hidden(batch.truth, batch.driving.shape[2:]))
            terms["pixel"] = self.loss.pixel * error.mean()
        if self.perceptual is not None:
            terms["perceptual"] = perceptual_loss(
                self.perceptual, generated.image, batch.driving, self.loss.perceptual, self.loss.scales
            )
        return terms

    def _equivariance_terms(
        self, driving: Keypoints, transformed: Keypoints, transform: Transform
    ) -> dict[str, Tensor]:
        terms = {}
        if weight := self.loss.equivariance_value:
            terms["equivariance_value"] = weight * equivariance_value(driving, transformed, transform)
        if (weight := self.loss.equivariance_jacobian) and driving.jacobian is not None:
            terms["equivariance_jacobian"] = weight * equivariance_jacobian(driving, transformed, transform)
        return terms

    def _is_about_pictures(self) -> bool:
        """Whether any term needs a picture that the generator makes."""
        return self.perceptual is not None or any((self.loss.pixel, self.loss.gan))

    def _is_about_motion(self) -> bool:
        """Whether any term needs the generator's motion."""
        return any((self.loss.flow, self.loss.visibility, self.loss.warped))

    def _keypoint_terms(self, source: Keypoints, driving: Keypoints, truth: Truth) -> dict[str, Tensor]:
        terms = {}
        # A detector names places in the picture: of a shoulder below it, the place at the edge.
        there, here = truth.source.value.clamp(-1, 1), truth.driving.value.clamp(-1, 1)
        if weight := self.loss.keypoints:
            error = (source.value - there).abs() + (driving.value - here).abs()  # B K 2
            terms["keypoints"] = weight * self._weighed(error).mean() / 2
        if weight := self.loss.keypoint_motion:
            error = (driving.value - source.value) - (here - there)
            terms["keypoint_motion"] = weight * self._weighed(error.abs()).mean()
        if (weight := self.loss.jacobians) and source.jacobian is not None and driving.jacobian is not None:
            assert truth.source.jacobian is not None, "the data checked it"
            assert truth.driving.jacobian is not None, "the data checked it"
            error = l1(source.jacobian, truth.source.jacobian) + l1(driving.jacobian, truth.driving.jacobian)
            terms["jacobians"] = weight * error / 2
        return terms

    def _weighed(self, error: Tensor) -> Tensor:
        """B K 2 errors of the keypoints, those of ``LossConfig.focus_groups`` counting more among all."""
        if not self.loss.focus_keypoints:
            return error
        shares = torch.ones(error.shape[1], device=error.device, dtype=error.dtype)
        shares[self._keypoints(self.loss.focus_groups)] += self.loss.focus_keypoints
        return error * (shares / shares.mean())[:, None]

    def _motion_terms(
        self, generated: Generated, driving: Tensor, truth: Truth, importance: Tensor | None
    ) -> dict[str, Tensor]:
        terms = {}
        if weight := self.loss.flow:
            terms["flow"] = weight * flow_loss(generated.flow, truth, importance)
        if (weight := self.loss.visibility) and generated.occlusion is not None:
            terms["visibility"] = weight * visibility_loss(generated.occlusion, truth, importance)
        if weight := self.loss.warped:
            terms["warped"] = weight * warped_loss(generated.deformed, driving, truth, importance)
        return terms

    def _shown(self, image: Tensor, batch: Batch, keypoints: Keypoints) -> Shown:
        """Whole pictures with the keypoints that the generator saw, or close-ups with the true ones."""
        if not self.loss.close_ups:
            return Shown(batch.driving, image, keypoints.detach())
        if batch.truth is None:
            raise ConfigError(
                "Close-ups need true keypoints",
                got="data without truth",
                todo="Leave close_ups out of the LossConfig, so that the discriminator sees whole pictures",
            )
        _check_truth(batch.truth, keypoints)
        groups = self._groups(self.loss.close_ups)
        (real, made), moved = close_ups((batch.driving, image), batch.truth.driving, groups, self.loss.close_up)
        return Shown(real, made, moved)

    def _adversarial_terms(self, shown: Shown) -> dict[str, Tensor]:
        (discriminator,) = self._discriminator
        assert discriminator is not None, "checked when this was made"
        return adversarial_terms(
            discriminator,
            shown,
            scales=self.model_config.discriminator.scales,
            gan=self.loss.gan,
            feature_matching=self.loss.feature_matching,
        )


def _check_truth(truth: Truth, predicted: Keypoints) -> None:
    if truth.driving.value.shape != predicted.value.shape:
        raise ConfigError(
            "The data's true keypoints are not the model's",
            got=f"{truth.driving.value.shape[1]} of them",
            expected=f"num_kp {predicted.value.shape[1]}",
            todo="Train a model with as many, or set the loss's weight for keypoints to 0",
        )
