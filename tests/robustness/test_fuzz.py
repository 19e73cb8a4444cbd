"""The readers that we wrote, given any bytes: a result, or one printable line; with atheris where it is."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.media.damage import mutate
from tests.robustness import fuzz
from tests.robustness.fuzz_targets import TARGETS

# A record whose settings are another film's, with texts and names of any length.
LONG = [b's{"settings": %s, "frame": 0, "clips": 0, "done": true}' % settings for settings in (
    b'{"size": "%s"}' % (b"x" * 20_000), b'{"%s": 1}' % (b"x" * 20_000),
    b"{%s}" % b", ".join(b'"%d": 1' % n for n in range(3000)), b'"%s"' % (b"x" * 20_000),
)]  # fmt: skip
# Inputs that were faults once.
KEPT = {
    "templates": [b"mversion=\x19ver2", b"h" + b"[" * 20_000],
    "checkpoints": [b"c{}", b"c" + b"[" * 20_000, b"h" + b"[" * 20_000],
    "records": [b"c" + b"[" * 20_000, b"s" + b'{"a":' * 20_000, *LONG],
    "texts": [b"sloss.gan=" + b"[" * 20_000],
    "notes": [b"p" + b"[" * 20_000],
}


def given(target: str, *inputs: bytes) -> list[str]:
    keeper = fuzz.Keeper(TARGETS[target], None)
    for data in inputs:
        keeper.give(data)
    return list(keeper.tracebacks.values())


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_kept_inputs_and_their_mutations_are_no_faults(target: str) -> None:
    draw = random.Random(16)
    seeds = TARGETS[target].seeds()
    assert len(seeds) >= 5
    mutations = [seed[:1] + mutate(seed[1:], draw) for seed in seeds for _ in range(300 // len(seeds))]
    assert not given(target, *seeds, *KEPT[target], *mutations)


def test_the_seeds_of_checkpoints_reach_what_they_are_to_reach(tmp_path: Path) -> None:
    heard = []
    for seed in TARGETS["checkpoints"].seeds():
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("tests.robustness.fuzz_targets.LINE", 0)  # every error escapes
                TARGETS["checkpoints"].give(seed, tmp_path)
        except AssertionError as error:
            heard.append(str(error.__cause__))
    for said in ("not a First Order Motion Model", "configuration", "truncated", "is refused"):
        assert any(said in text for text in heard), (said, heard)


def test_faults_are_kept_once_for_each_place(tmp_path: Path) -> None:
    def broken(data: bytes, folder: Path) -> None:
        assert folder.is_dir()
        if data == b"a":
            raise KeyError(data)
        int(data)

    keeper = fuzz.Keeper(replace(TARGETS["texts"], give=broken), tmp_path)
    for data in (b"1", b"a", b"b", b"a", b"c"):
        keeper.give(data)
    assert [text.rpartition("\n  ")[2].splitlines()[-1].split(":")[0] for text in keeper.tracebacks.values()] == [
        "KeyError",
        "ValueError",
    ]
    assert len(list(tmp_path.iterdir())) == 3, "two inputs and the list of them"


@pytest.mark.skipif(fuzz.why_not() is not None, reason=str(fuzz.why_not()))
def test_atheris_reaches_new_places_and_finds_no_fault(tmp_path: Path) -> None:
    outcome = fuzz.fuzz("notes", 2, kept=tmp_path)
    assert not outcome.faults
    assert outcome.executions > 200 and outcome.reached > 30
    assert len(list((tmp_path / "notes").iterdir())) > len(TARGETS["notes"].seeds()), "it found inputs of its own"


@pytest.mark.robustness
@pytest.mark.skipif(fuzz.why_not() is not None, reason=str(fuzz.why_not()))
@pytest.mark.parametrize("target", TARGETS)
def test_a_minute_of_atheris_finds_no_fault(target: str, tmp_path: Path) -> None:
    outcome = fuzz.fuzz(target, 60, kept=tmp_path)
    assert not outcome.faults, outcome.faults[0]
    assert outcome.executions > 1000
