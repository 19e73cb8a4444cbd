"""``motionkit bench``: counted, compared and alternated as it says; whole in JSON; stopped, it keeps what it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from motionkit import media
from motionkit.bench import BenchOptions, bench, machine, measure, subjects, tables
from motionkit.bench.files import FileJob, run_apart
from motionkit.bench.procedures import Fast, Plain
from motionkit.bench.report import Report, Spread
from motionkit.bench.scale import Scale
from motionkit.cli.main import main
from motionkit.config import PRECISIONS, PUBLISHED
from motionkit.errors import InputError, MotionkitError, WeightsError
from motionkit.frames import decibels
from motionkit.modules.first_order import FirstOrderModel
from motionkit.structures import Progress
from tests.support.networks import seeded_model, tiny_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def report(tiny: str) -> Report:
    """All figures of the tiny model."""
    return bench(
        BenchOptions(
            models=(tiny,),
            device="cpu",
            precisions=("float32", "bfloat16"),
            batches=(1, 2),
            rounds=3,
            frames=3,
            clip_seconds=0.2,
        )
    )


def test_arithmetic_of_a_convolution_is_counted_as_by_hand() -> None:
    conv = torch.nn.Conv2d(6, 10, 3, stride=2, padding=1, bias=False)
    # 8×6 outputs, each 10 channels of 6·3·3 products and sums.
    assert measure.count_flop(lambda: conv(torch.rand(2, 6, 16, 12))) == 2 * (2 * 10 * 8 * 6 * 6 * 9)
    doubling = torch.nn.ConvTranspose2d(4, 5, 4, stride=2, padding=1, bias=False)
    # Every one of the 7×7 inputs goes into 4×4 places of 5 channels.
    assert measure.count_flop(lambda: doubling(torch.rand(1, 4, 7, 7))) == 2 * (7 * 7 * 4 * 5 * 16)
    ceiling = measure.Ceiling(CPU, torch.float32, batch=2)
    assert ceiling.flop == 2 * (2 * 64 * 64 * 256 * 256 * 9)
    assert ceiling.measure(repeats=1) > 0


def test_psnr_and_largest_difference_are_numpys() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random((2, 2, 3, 8, 8), dtype=np.float32)
    squared, largest = measure.compare(torch.from_numpy(one), torch.from_numpy(other))
    wide = one.astype(np.float64) - other
    assert squared == pytest.approx(np.mean(wide**2), rel=1e-6) and largest == pytest.approx(np.abs(wide).max())
    assert decibels(squared) == pytest.approx(20 * np.log10(1 / np.sqrt(np.mean(wide**2))), rel=1e-6)
    assert decibels(0.0) == float("inf")


def test_the_seeded_weights_are_those_of_the_golden_files() -> None:
    config = tiny_config()
    expected = seeded_model(config).state_dict()
    found = subjects.seed(FirstOrderModel(config)).state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_no_two_rounds_share_a_frame() -> None:
    rounds = [subjects.fresh(number, 4, 48) for number in range(40)]  # more than the clip has
    frames = [frame.tobytes() for _, _, clip in rounds for frame in clip]
    assert len(set(frames)) == len(frames) == 160
    assert len({source.tobytes() for source, _, _ in rounds}) == 40
    assert rounds[0][0].shape == rounds[0][1].shape == rounds[0][2][0].shape == (48, 48, 3)


def test_both_procedures_give_the_trained_forms_pictures() -> None:
    reference = seeded_model(tiny_config())
    source, first, clip = subjects.fresh(0, 4, 32)
    plain, fast = Plain(reference, 32, CPU), Fast(reference, 32, CPU, "float32", batch=4)
    plain.begin(source, first)
    fast.begin(source, first)
    expected = torch.cat([plain.step([frame])[0] for frame in clip])
    image, pictures = fast.step(clip)
    torch.testing.assert_close(image, expected, atol=1e-3, rtol=0)
    np.testing.assert_array_equal(pictures, (image.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8))


def test_the_plain_procedure_encodes_the_source_for_every_frame_and_finds_its_keypoints_once() -> None:
    plain = Plain(seeded_model(tiny_config()), 32, CPU)
    source, first, clip = subjects.fresh(0, 3, 32)
    calls: list[str] = []
    plain.reference.generator.first.register_forward_hook(lambda *_: calls.append("encode"))
    plain.reference.kp_detector.register_forward_hook(lambda *_: calls.append("detect"))
    plain.begin(source, first)
    assert calls == ["detect", "detect"]
    for frame in clip:
        plain.step([frame])
    assert calls[2:] == ["detect", "encode"] * 3


def test_procedures_take_turns(report: Report) -> None:
    names = ["plain", "fast float32 x1", "fast float32 x2", "fast bfloat16 x1", "fast bfloat16 x2"]
    assert report.order["tiny, 32"] == names * 3
    assert report.order["tiny, from file to file"] == ["plain", "fast float32", "fast bfloat16"]


def test_step_figures_fit_each_other(report: Report) -> None:
    assert report.complete and len(report.steps) == 5
    plain, *others = report.steps
    assert (plain.procedure, plain.precision, plain.batch, plain.ratio, plain.psnr) == (
        *("plain", "float32", 1), None, None,
    )  # fmt: skip
    for row in report.steps:
        assert (row.model, row.side, row.rounds, row.frames) == ("tiny", 32, 3, 4)  # frames fill both batches
        assert 0 < row.seconds.low <= row.seconds.median <= row.seconds.high
        assert row.gflops == pytest.approx(row.gflop / row.seconds.median)
        assert row.ceiling_share == pytest.approx(row.gflops / row.ceiling)
        assert row.direct_share == pytest.approx(row.direct_gflop / row.seconds.median / row.ceiling)
        assert row.direct_gflop == plain.direct_gflop
        assert sum(row.stage_shares.values()) == pytest.approx(1)
        assert {"detector", "motion transfer", "dense motion", "warp", "decoder", "to frames"} <= set(row.stages)
        assert ("source encoder" in row.stages) == (row.procedure == "plain")
        assert row.memory is None
    # First 3 to 4 channels, 7×7, at 32²; then 4 to 8 at 32², 8 to 16 at 16², both 3×3.
    encoder = 2e-9 * (32**2 * (3 * 4 * 49 + 4 * 8 * 9) + 16**2 * 8 * 16 * 9)
    assert plain.gflop - plain.direct_gflop == pytest.approx(encoder)
    for row in others:
        assert row.gflop < plain.gflop and row.ratio is not None
        assert row.max_difference is not None and row.psnr is not None
        exact = row.precision == "float32"
        assert row.max_difference < (1e-3 if exact else 0.1) and row.psnr > (80 if exact else 30)


def test_clip_figures_fit_each_other(report: Report) -> None:
    assert [(row.procedure, row.precision) for row in report.clips] == [
        *[("plain", "float32"), ("fast", "float32"), ("fast", "bfloat16")]
    ]
    for row in report.clips:
        assert (row.frames, row.rounds, row.clip) == (6, 1, "1280x720, 30 fps, 6 frames, AAC")
        assert row.fps == pytest.approx(1 / row.seconds.median)
        assert 0 < row.start < 6 * row.seconds.median and row.later_seconds > 0
        assert row.waiting is None if row.procedure == "plain" else 0 <= row.waiting < 1
        assert (row.ratio is None) == (row.later_ratio is None) == (row.procedure == "plain")
        if Path("/proc/self/status").exists():
            assert row.memory is not None and 100 * 2**20 < row.memory < 4 * 2**30


def test_json_has_every_column_and_reads_back(report: Report, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(report.to_json())
    values = json.loads((tmp_path / "b.json").read_text(), parse_constant=pytest.fail)
    for group, columns in (("steps", tables.STEP_COLUMNS), ("clips", tables.CLIP_COLUMNS)):
        assert values[group]
        for row in values[group]:
            assert {column.key for column in columns} <= row.keys()
    assert values["machine"]["versions"]["torch"] == torch.__version__.split("+")[0]
    assert values["machine"]["threads"] == torch.get_num_threads()
    assert values["order"]["tiny, 32"][:2] == ["plain", "fast float32 x1"]
    again = Report.from_json(tmp_path / "b.json")
    assert asdict(again.machine) == asdict(report.machine) and again.steps == report.steps
    assert again.clips == report.clips
    assert tables.text(again) == tables.text(report)
    with pytest.raises(InputError, match="no figures of motionkit bench"):
        Report.from_json(Path(__file__))


def test_tables_line_up_and_say_the_figures(report: Report) -> None:
    lines = tables.text(report).splitlines()
    start = lines.index("Model step, rounds: 3, fresh frames in each: 4") + 2
    head, *rows = lines[start : start + 6]
    assert next(row.index("float") for row in rows) == head.index("precision")
    assert "memory" not in head  # nothing in it on a CPU
    end = head.index(" once") + len(" once")
    for row, figures in zip(rows, report.steps, strict=True):
        assert f"{1e3 * figures.seconds.median:.1f} (" in row
        assert row[:end].endswith(f"{1e3 * figures.source_seconds:.1f}")
    load = replace(report, machine=replace(report.machine, load=2.5))
    assert "not quiet: 2.5 processes" in tables.text(load)
    assert "not quiet" not in tables.text(replace(report, machine=replace(report.machine, load=0.1)))


def test_spread_is_median_least_largest() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(median=2.5, low=1.0, high=10.0)


def test_stopped_it_keeps_whole_rounds(tiny: str) -> None:
    ticks: list[Progress] = []

    def stop(progress: Progress) -> None:
        ticks.append(progress)
        if len(ticks) == 3:  # the warm-up and two rounds
            raise KeyboardInterrupt

    options = BenchOptions(models=(tiny,), device="cpu", precisions=("float32",), rounds=9, frames=2)
    stopped = bench(options, progress=stop)
    assert not stopped.complete and [row.rounds for row in stopped.steps] == [2, 2] and stopped.clips == ()
    assert stopped.steps[0].stages == {} and "Stopped before the end" in tables.text(stopped)
    assert [t.done for t in ticks] == sorted(t.done for t in ticks) and ticks[0].remaining is not None
    json.loads(stopped.to_json())

    def at_once(progress: Progress) -> None:
        raise KeyboardInterrupt

    assert bench(options, progress=at_once).steps == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_prints_and_writes_what_was_measured(tiny: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "motionkit", "bench", "--models", tiny, "--device", "cpu", "--no-clips"]
    command += ["--rounds", "100000", "--frames", "1", "-o", str(tmp_path / "b.json")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    shown = ""
    while shown.count(" passed, ") < 5:  # the bar begins with the warm-up, so that rounds are there by now
        shown += running.stderr.read(20)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Model step" in out and "Stopped before the end" in out
    assert not Report.from_json(tmp_path / "b.json").complete


def test_a_child_that_fails_says_why(tiny: str, tmp_path: Path) -> None:
    job = FileJob(
        model=tiny, procedure="fast", precision="float32", device="cpu", threads=1, source="no.png", driving="no.mp4",
        output=str(tmp_path / "r.mp4"), frames=2, fps=Fraction(30),
    )  # fmt: skip
    with pytest.raises(MotionkitError, match=r"fast, .*tiny\.safetensors, 2 frames: InputError: There is no such file"):
        run_apart(job)


def test_the_clip_is_720p_with_a_tone(tmp_path: Path) -> None:
    subjects.write_clip(tmp_path / "c.mp4", 9)
    clip = media.open_clip(tmp_path / "c.mp4")
    assert (clip.info.width, clip.info.height, clip.info.fps) == (1280, 720, 30)
    assert len(list(clip)) == 9
    with av.open(str(tmp_path / "c.mp4")) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(sound) / 48000 == pytest.approx(0.3, abs=0.05)
    spectrum = np.abs(np.fft.rfft(sound[2048:12048] * np.hanning(10000)))
    assert np.argmax(spectrum) * 48000 / 10000 == pytest.approx(440, abs=5)


def test_scale_goes_up_while_the_time_lasts(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from motionkit.bench import scale as module

    monkeypatch.setattr(module, "FRAMES", (2, 4, 10**9))
    monkeypatch.setattr(module, "SIDES", (32, 33, 64, 10**6))
    monkeypatch.setattr(module, "BATCHES", (1, 2))
    scale = Scale(tiny, CPU, "float32", seconds=900, folder=tmp_path, tick=lambda seconds: None)
    scale.run()
    assert [(row.axis, row.value) for row in scale.rows] == [
        *[("side", 32), ("side", 64), ("batch", 1), ("batch", 2), ("frames", 2), ("frames", 4)]
    ]
    assert scale.left_out == [
        "tiny: side 33 (the networks cannot see it)",
        "tiny: side 1,000,000 (time)",
        "tiny: frames 1,000,000,000 (time)",
    ]
    for row in scale.rows:
        units = 1 if row.axis == "side" else row.value
        assert row.total == pytest.approx(units * row.seconds) and row.total > 0
        assert {column.key for column in tables.SCALE_COLUMNS} <= asdict(row).keys()
    pytest.importorskip("matplotlib")
    tables.plot(scale.rows, tmp_path / "scale.png")
    assert media.read_image(tmp_path / "scale.png").std() > 5


def test_the_command_writes_table_json_and_page(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_file, page = tmp_path / "b.json", tmp_path / "bench.md"
    arguments = ["bench", "--models", tiny, "--device", "cpu", "--precisions", "auto", "--sizes", "32,64"]
    arguments += ["--rounds", "1", "--frames", "1", "--no-clips", "--quiet", "-o", str(json_file)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.count("plain") == 4 and out.count("fast") == 4  # in the table and by stage, at two sizes
    assert [row.side for row in Report.from_json(json_file).steps] == [32, 32, 64, 64]
    assert main(["bench", "--read", str(json_file), str(json_file), "--page", str(page)]) == 0
    assert capsys.readouterr().out.count(out) == 2
    assert page.read_text().count("```text\n" + out + "```") == 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("--models nobody", "No weights of this name; got 'nobody'"),
        ("--precisions float8", "Unknown precision"),
        ("--device tpu", "This device is not here"),
        ("--sizes big", "is not a list such as 1,2,4"),
        ("--batches 0", "batches is out of range"),
        ("--rounds 0", "rounds is out of range"),
        ("-o nowhere/b.json", "The target's folder is not there"),
        ("--read b.json -o c.json", "Nothing new is measured"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments.split()]) == 1
    told = capsys.readouterr().err
    assert error in told and told.count("\n") == 1


def test_choices_are_the_models(tiny: str) -> None:

    assert set(machine.native_precisions(CPU)) <= set(PRECISIONS)
    assert subjects.title("vox") == "vox, seeded" and subjects.title(tiny) == "tiny"
    assert all(name in PUBLISHED for name in BenchOptions().models if name != "heads")
    with pytest.raises(WeightsError):
        bench(BenchOptions(models=("nobody",)))


def test_help_loads_no_torch() -> None:
    code = (
        "import sys; from motionkit.cli.main import main; main(['bench', '--help']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
