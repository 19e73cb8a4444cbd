"""Cost: seconds a frame against the published procedure, and memory against length. Ratios within one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import seeded_model

from motionkit.config import PUBLISHED
from motionkit.model import Model
from motionkit.motion import transfer

ROUNDS = 5


@pytest.mark.slow
def test_a_vox_frame_costs_at_most_seven_tenths_of_the_plain_path(golden: dict[str, np.ndarray]) -> None:
    reference = seeded_model(PUBLISHED["vox"])
    model = Model(reference, device="cpu", precision="float32")
    frames = torch.from_numpy(golden["frames"]).permute(0, 3, 1, 2).float() / 255
    source, first = frames[:1], frames[1:2]
    source_keypoints, first_keypoints = model.detect(source), model.detect(first)
    encoded = model.encode(source)

    def plain(driving: torch.Tensor) -> torch.Tensor:
        # As published: everything again for each frame, the source's keypoints and features included.
        with torch.inference_mode():
            detected = reference.detect(source)
            keypoints = transfer(detected, reference.detect(driving), first_keypoints)
            return reference.generate(source, detected, keypoints).image

    def fast(driving: torch.Tensor) -> torch.Tensor:
        keypoints = transfer(source_keypoints, model.detect(driving), first_keypoints)
        return model.generate(encoded, source_keypoints, keypoints).image

    ratios = []
    for i in range(ROUNDS + 1):
        driving = torch.roll(frames[2:], i, dims=3)  # a fresh frame each round
        begin = time.perf_counter()
        expected = plain(driving)
        middle = time.perf_counter()
        result = fast(driving)
        end = time.perf_counter()
        torch.testing.assert_close(result, expected, atol=1e-3, rtol=0)
        ratios.append((end - middle) / (middle - begin))
    ratio = statistics.median(ratios[1:])  # the first round warms up
    print(f"fast / plain: {ratio:.2f}, from {min(ratios[1:]):.2f} to {max(ratios[1:]):.2f}")
    assert ratio <= 0.7


MEMORY = """
import sys
from fractions import Fraction
import numpy as np
import motionkit as mk
from motionkit import media, samples
from conftest import seeded_model, tiny_config
from motionkit.model import Model
folder, count = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(0)
noise = rng.integers(0, 256, (720, 1480, 3), dtype=np.uint8) // 4
with media.VideoWriter(f"{folder}/in{count}.mp4", fps=Fraction(30)) as writer:
    for i in range(count):
        writer.write(np.ascontiguousarray(noise[:, i % 200 : i % 200 + 1280]))
model = Model(seeded_model(tiny_config()), device="cpu", precision="float32")
options = mk.AnimateOptions(crop="centre")
mk.animate_file(samples.portrait(), f"{folder}/in{count}.mp4", f"{folder}/out{count}.mp4", model=model, options=options)
# Not ru_maxrss, which a child inherits from the process that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from Linux's /proc")
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        command = [sys.executable, "-c", MEMORY, str(tmp_path), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=True)
        return int(done.stdout.split()[-1])

    short, long = peak(60), peak(600)
    print(f"peak memory: {short / 1024:.0f} MiB for 60 frames of 720p, {long / 1024:.0f} MiB for 600")
    assert long <= 1.1 * short
