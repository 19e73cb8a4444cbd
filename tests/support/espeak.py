"""Sentences spoken by espeak-ng, whose phonemes and their times are known."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from functools import cache

import numpy as np

# How far a mouth opens for a phoneme of espeak-ng's English, 0 to 1, by the vowels' height as phoneticians give it.
OPEN = {"a": 1.0, "aa": 1.0, "A:": 1.0, "A@": 1.0, "0": 0.9, "O": 0.8, "O:": 0.8, "O@": 0.8, "V": 0.8, "E": 0.7,
        "e": 0.6, "@": 0.5, "3": 0.5, "3:": 0.55, "aI": 0.8, "aU": 0.8, "OI": 0.6, "eI": 0.5, "oU": 0.55, "e@": 0.6,
        "I": 0.35, "I2": 0.35, "i": 0.25, "i:": 0.25, "U": 0.3, "u:": 0.25, "I#": 0.35, "a#": 0.5, "@L": 0.4,
        "i@": 0.4, "i@3": 0.4, "O2": 0.8, "N": 0.12, "U@": 0.4, "@2": 0.4, "@5": 0.4, "I@": 0.4,
        "l": 0.25, "r": 0.25, "h": 0.3, "j": 0.2, "w": 0.15}  # fmt: skip
CONSONANT = 0.12
SHUT = {"m", "b", "p", "_", "_:", "", "_|", "(en)"}


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text", ctypes.c_int), ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]  # fmt: skip


_PHONEME, _END = 7, 0
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@cache
def library() -> tuple[ctypes.CDLL, int] | None:
    """espeak-ng, ready, with its sample rate; None where it is not installed."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        return None
    speech = ctypes.CDLL(name)
    return speech, speech.espeak_Initialize(2, 0, None, 1)  # synchronously, with phonemes


def spoken(
    text: str, *, speed: int = 160, pitch: int = 50, voice: str = "en"
) -> tuple[np.ndarray, int, list[tuple[float, str]]]:
    """Samples in [-1, 1], their rate, and the second at which each phoneme begins."""
    found = library()
    assert found is not None
    speech, rate = found
    pieces: list[np.ndarray] = []
    phonemes: list[tuple[float, str]] = []

    def events(first: ctypes._Pointer[_Event]) -> Iterator[_Event]:
        at = 0
        while first[at].type != _END:
            yield first[at]
            at += 1

    def heard(samples: ctypes._Pointer[ctypes.c_short], count: int, first: ctypes._Pointer[_Event]) -> int:
        if count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        phonemes.extend(
            (event.milliseconds / 1000, event.name.decode()) for event in events(first) if event.type == _PHONEME
        )
        return 0

    callback = _CALLBACK(heard)
    speech.espeak_SetSynthCallback(callback)
    speech.espeak_SetVoiceByName(voice.encode())
    speech.espeak_SetParameter(1, speed, 0)
    speech.espeak_SetParameter(3, pitch, 0)
    data = text.encode()
    speech.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
    return np.concatenate(pieces) / 32768, rate, phonemes


def open_mouth(phonemes: list[tuple[float, str]], times: np.ndarray) -> np.ndarray:
    """How far a mouth is open at these seconds, 0 to 1: phoneme after phoneme, as slowly as jaws move."""
    starts = np.array([start for start, _ in phonemes])
    names = [name.strip("'-,%=") for _, name in phonemes]
    values = np.array([0.0 if name in SHUT else OPEN.get(name, CONSONANT) for name in names])
    fine = np.arange(times[0] - 0.2, times[-1] + 0.2, 0.005)
    at = np.searchsorted(starts, fine, side="right") - 1
    curve = np.where(at < 0, 0.0, values[at])
    width = np.hanning(25)  # 120 ms
    return np.interp(times, fine, np.convolve(curve, width / width.sum(), "same"))
