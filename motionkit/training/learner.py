"""The networks in training with their optimisers: one step of them, and their state as plain values.

Legend: B batch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from motionkit.data.batch import Batch, Truth
from motionkit.modules.discriminator import Discriminator
from motionkit.modules.first_order import FirstOrderModel
from motionkit.training.adversarial import DiscriminatorObjective
from motionkit.training.config import TrainConfig
from motionkit.training.objective import GeneratorObjective, Losses
from motionkit.training.widening import is_wider, widened
from motionkit.weights.checkpoints import Checkpoint, check_shapes

__all__ = ["Learner", "rate_factor"]


class Learner:
    """A model, maybe its discriminator and its moving average, and the optimisers of both.

    Args:
        config: Of the run.
        accelerator: Says where to compute, in which precision and with which other processes.
        start: Weights to begin with; None begins with random ones, which depend on ``config.seed`` alone. Its
            discriminator is taken too, if there is one of the configured shapes. Where the configuration has further
            keypoints, they are widened (``widening.widened``).

    Attributes:
        model: What is trained.

    Raises:
        WeightsError: The weights do not fit the configuration.
        ConfigError: See ``GeneratorObjective``.
        DownloadError: See ``GeneratorObjective``.
        MissingPackageError: See ``GeneratorObjective``.
    """

    def __init__(self, config: TrainConfig, accelerator: Accelerator, start: Checkpoint | None = None) -> None:
        self.config, self.accelerator = config, accelerator
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = FirstOrderModel(config.model)
            self.discriminator = Discriminator(config.model) if config.loss.gan else None
        if start is not None:
            _begin_with(start, config, self.model, self.discriminator)
        if accelerator.device.type == "cuda" and accelerator.num_processes > 1:
            nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
        self.model.to(memory_format=torch.channels_last)

        objective = GeneratorObjective(config, self.model, self.discriminator)
        rates = [(self.model.kp_detector, config.lr_detector), (self.model.generator, config.lr_generator)]
        self._rates: list[tuple[nn.Module, float]] = [(network, rate) for network, rate in rates if rate]
        groups: list[dict[str, Any]] = [{"params": list(network.parameters())} for network, _ in self._rates]
        self._objective, self._optimizer = accelerator.prepare(objective, _adam(groups, config))
        self._average = copy.deepcopy(self.model).eval().requires_grad_(False) if config.ema else None
        if self.discriminator is not None:
            judged = DiscriminatorObjective(config, self.discriminator)
            optimizer = _adam([{"params": list(self.discriminator.parameters())}], config)
            self._judged, self._judge_optimizer = accelerator.prepare(judged, optimizer)
        self.to_training()

    @property
    def result(self) -> FirstOrderModel:
        """The model that the run ends with: the moving average of the weights if there is one."""
        return self.model if self._average is None else self._average

    def to_training(self) -> None:
        """Let batch norms learn again, after the model was in eval mode."""
        self._objective.train()

    def step(self, batch: Batch, *, epoch: int, step: int) -> dict[str, Tensor]:
        """Make one step of the optimisers on this process's part of a batch.

        Args:
            batch: Its pairs, on the CPU.
            epoch: Complete passes over the data.
            step: Steps done before.

        Returns:
            The objective's weighted terms, their "total" and, if there is one, the "discriminator" loss; scalars of
            this process, on its device, without gradients.
        """
        factor = rate_factor(self.config, epoch=epoch, step=step)
        parts = [part.to(self.accelerator.device) for part in _split(batch, self.config.accumulate)]
        terms, seen = self._step_model(parts, factor)
        if self._average is not None:
            _move_average(self._average, self.model, min(self.config.ema, (1 + step) / (10 + step)))
        if self.discriminator is not None:
            terms["discriminator"] = self._step_discriminator(seen, factor)
        return terms

    def _step_model(self, parts: list[Batch], factor: float) -> tuple[dict[str, Tensor], list[Losses]]:
        terms: dict[str, Tensor] = {}
        seen = []
        for i, part in enumerate(parts):
            with self._together(self._objective, last=i == len(parts) - 1):
                losses = self._objective(part)
                total = losses.total
                self.accelerator.backward(total / len(parts))
            for name, value in {**losses.terms, "total": total}.items():
                terms[name] = terms.get(name, 0) + value.detach() / len(parts)
            if self.discriminator is not None:
                seen.append(losses)
        self._apply(self._optimizer, self._rates, factor)
        return terms, seen

    def _step_discriminator(self, seen: list[Losses], factor: float) -> Tensor:
        """After the model, on the pictures that it made before its own step, as in the published training."""
        assert self.discriminator is not None
        total = torch.zeros((), device=self.accelerator.device)
        for i, losses in enumerate(seen):
            with self._together(self._judged, last=i == len(seen) - 1):
                loss = self._judged(losses.shown)
                self.accelerator.backward(loss / len(seen))
            total = total + loss.detach() / len(seen)
        self._apply(self._judge_optimizer, [(self.discriminator, self.config.lr_discriminator)], factor)
        return total

    def _together(self, objective: nn.Module, *, last: bool) -> Any:
        """Processes exchange gradients in the last backward pass of a step only."""
        return nullcontext() if last else self.accelerator.no_sync(objective)

    def _apply(self, optimizer: Any, rates: Iterable[tuple[nn.Module, float]], factor: float) -> None:
        for group, (_, rate) in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        if self.config.clip is not None:
            self.accelerator.unscale_gradients(optimizer)
            for network, _ in rates:
                nn.utils.clip_grad_norm_(network.parameters(), self.config.clip)
        optimizer.step()
        optimizer.zero_grad()

    def is_finite(self) -> bool:
        """Whether no weight or statistic of the model, its average or the discriminator is infinite or no number."""
        networks = [network for network in (self.model, self._average, self.discriminator) if network is not None]
        return all(bool(torch.isfinite(value).all()) for network in networks for value in network.state_dict().values())

    def state(self) -> dict[str, Any]:
        """Gather everything that the next steps depend on: tensors and plain values."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rng": torch.get_rng_state(),
        }
        if self._average is not None:
            state["average"] = self._average.state_dict()
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["discriminator_optimizer"] = self._judge_optimizer.state_dict()
        if self.accelerator.scaler is not None:
            state["scaler"] = self.accelerator.scaler.state_dict()
        if self.accelerator.device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state(self.accelerator.device)
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave, with the same configuration."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            self._judge_optimizer.load_state_dict(state["discriminator_optimizer"])
        if self.accelerator.scaler is not None and "scaler" in state:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["rng"])
        if self.accelerator.device.type == "cuda" and "cuda_rng" in state:
            torch.cuda.set_rng_state(state["cuda_rng"], self.accelerator.device)


def rate_factor(config: TrainConfig, *, epoch: int, step: int) -> float:
    """What the learning rates are multiplied with: a rise over the warm-up, a tenth after each milestone.

    Args:
        config: Of the run; its ``warmup`` and ``milestones`` are used.
        epoch: Complete passes over the data.
        step: Steps done before.

    Returns:
        Above 0 and at most 1.
    """
    passed = sum(epoch >= milestone for milestone in config.milestones)
    rise = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    return rise * 0.1**passed


def _adam(groups: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, betas=config.betas)


def _begin_with(
    start: Checkpoint, config: TrainConfig, model: FirstOrderModel, discriminator: Discriminator | None
) -> None:
    if start.config is not None and is_wider(config.model, start.config):
        start = widened(start, config.model)
    check_shapes(config.model, generator=start.generator, kp_detector=start.kp_detector)
    model.generator.load_state_dict(start.generator)
    model.kp_detector.load_state_dict(start.kp_detector)
    if discriminator is None or start.discriminator is None:
        return
    wanted = discriminator.state_dict()
    if {k: v.shape for k, v in start.discriminator.items()} == {k: v.shape for k, v in wanted.items()}:
        discriminator.load_state_dict(start.discriminator)


def _split(batch: Batch, parts: int) -> list[Batch]:
    """A batch in equal parts, in order."""
    if parts == 1:
        return [batch]
    size = len(batch) // parts
    assert size * parts == len(batch), "checked when the run begins"
    return [_slice(batch, slice(i, i + size)) for i in range(0, len(batch), size)]


def _slice(batch: Batch, part: slice) -> Batch:
    truth = batch.truth
    if truth is not None:
        truth = Truth(
            truth.source[part],
            truth.driving[part],
            truth.flow[part],
            truth.visibility[part],
            truth.has_flow[part],
        )
    return Batch(batch.source[part], batch.driving[part], batch.seed[part], truth)


def _move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Weights move towards the model's; statistics and counters are taken over."""
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        for kept, new in zip(average.buffers(), model.buffers(), strict=True):
            kept.copy_(new)
