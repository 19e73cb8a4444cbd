"""Named weights: where they come from, what they must be, where they are kept, and how a name becomes a file."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from motionkit.config import PUBLISHED, ModelConfig
from motionkit.config.checks import check_path
from motionkit.errors import WeightsError, naming
from motionkit.weights import checkpoints
from motionkit.weights.download import download, sha256_of
from motionkit.weights.folder import cache_folder, check_private
from motionkit.weights.partfile import FetchProgress
from motionkit.weights.pins import pin, read_pins
from motionkit.weights.registry import WEIGHTS, PublishedWeights

__all__ = [
    "WEIGHTS",
    "PublishedWeights",
    "WeightsStatus",
    "cache_folder",
    "convert",
    "embedded_file",
    "fetch",
    "load",
    "resolve",
    "status",
]


@dataclass(frozen=True, kw_only=True)
class WeightsStatus:
    """A line of ``motionkit models``.

    Attributes:
        name: What ``load_model`` takes.
        domain: As in ``PublishedWeights``.
        bytes: As in ``PublishedWeights``.
        hash: "embedded"; for a cached file "verified", "pinned" (it is the one first fetched), "unverified" or
            "wrong hash"; otherwise "published", "pinned" or "none published".
        licence: As in ``PublishedWeights``.
        path: The file, None while it is not here.
    """

    name: str
    domain: str
    bytes: int
    hash: str
    licence: str
    path: Path | None


def resolve(name_or_path: str | Path, *, allow_unverified: bool = False, progress: FetchProgress = True) -> Path:
    """The file that a name or path stands for; published weights are fetched on first use.

    A registered name comes before a file of that name; write ``./vox`` for the file.

    Args:
        name_or_path: A key of ``WEIGHTS``, or a path.
        allow_unverified: As for ``fetch``.
        progress: As for ``fetch``.

    Raises:
        WeightsError: Neither a name nor a file, a directory, or as for ``fetch``.
        DownloadError: The weights could not be fetched.
    """
    if str(name_or_path) in WEIGHTS:
        return fetch(str(name_or_path), allow_unverified=allow_unverified, progress=progress)
    path = check_path("model", name_or_path).expanduser()
    if os.path.isfile(path):
        return path
    if os.path.isdir(path):
        raise WeightsError(
            "A directory cannot be loaded", got=path, expected="a .pth.tar or .safetensors file, or a name"
        )
    if path.suffix or len(path.parts) > 1:
        raise WeightsError(
            "No such weight file", got=path, todo=f"Check the path, or give a name: {', '.join(WEIGHTS)}"
        )
    raise _unknown(str(name_or_path))


def fetch(name: str, *, allow_unverified: bool = False, progress: FetchProgress = True, force: bool = False) -> Path:
    """The verified file of a registered name, from the cache or from its mirrors.

    A cached file is hashed on every call. Where no hash is published, the first file fetched with ``allow_unverified``
    is pinned: its hash is printed, kept in the cache folder, and required from then on.

    Args:
        name: A key of ``WEIGHTS``.
        allow_unverified: Accept weights for which no hash is published or pinned.
        progress: Show a progress bar; or a function called with the bytes that are there and those in all.
        force: Fetch even if the file is there.

    Raises:
        WeightsError: Unknown name, no hash to check against, a cached file that is not the right one, or a cache folder
            in which others can exchange files.
        DownloadError: No mirror gave the right file.
    """
    entry = _entry(name)
    if entry.embedded:
        return embedded_file(entry.file)
    folder = cache_folder()
    check_private(folder)
    target, pins = folder / entry.file, folder / "pinned.json"
    trusted = entry.sha256 or read_pins(pins).get(entry.file)
    if trusted is None and not allow_unverified:
        raise WeightsError(
            f"No hash is published for {name!r}, so what its mirrors send cannot be verified",
            todo="If you accept that, say so with allow_unverified=True (--allow-unverified); the hash of what comes "
            "is then remembered and required from then on",
        )
    if fresh := force or not target.is_file():
        size, most = (entry.bytes, None) if entry.sha256 else (None, entry.bytes + entry.bytes // 4)
        digest = download(
            entry.mirrors, target, size=size, most=most, sha256=trusted, check=_check_start, progress=progress
        )
    elif (digest := sha256_of(target)) != (trusted or digest):
        raise WeightsError(
            f"The cached {target} is not the file that it should be",
            got=f"sha256 {digest}",
            expected=f"{trusted}{'' if entry.sha256 else f', pinned in {pins}'}",
            todo=f"Delete it, or fetch it anew with force=True (motionkit fetch {name} --force)",
        )
    if trusted is None:
        _trust(entry, target, digest, pins, fresh=fresh)
    return target


def load(
    name_or_path: str | Path,
    *,
    config: ModelConfig | None = None,
    allow_unverified: bool = False,
    progress: FetchProgress = True,
) -> checkpoints.Checkpoint:
    """Read weights by name or path, with their configuration found and checked against every shape.

    Args:
        name_or_path: As for ``resolve``.
        config: The configuration. None takes the one stored in the file, else the published one if the file is known
            by name, hash or file name and fits, else recognises it from the shapes.
        allow_unverified: As for ``fetch``.
        progress: As for ``fetch``.

    Returns:
        A checkpoint whose ``config`` is not None.

    Raises:
        WeightsError: As for ``resolve`` and ``checkpoints.read``; or the configuration does not fit.
        DownloadError: The weights could not be fetched.
    """
    path = resolve(name_or_path, allow_unverified=allow_unverified, progress=progress)
    entry = WEIGHTS.get(str(name_or_path))
    with naming(path):
        checkpoint = _read_embedded(path, entry) if entry is not None and entry.embedded else checkpoints.read(path)
        if config is None:
            config = _configuration(checkpoint, entry or _identify(checkpoint, path))
        _check(checkpoint, config)
    return replace(checkpoint, config=config)


def _read_embedded(path: Path, entry: PublishedWeights) -> checkpoints.Checkpoint:
    """Fetched files were hashed when they were resolved; the embedded one is hashed here alone, as it is read."""
    damaged = WeightsError(f"The embedded weights {path} are damaged", todo="Install motionkit again")
    try:
        checkpoint = checkpoints.read(path)
    except WeightsError as error:
        raise damaged from error
    if checkpoint.sha256 != entry.sha256:
        raise damaged
    return checkpoint


def convert(
    source: Path, target: Path, *, config: ModelConfig | None = None, name: str | None = None, half: bool = False
) -> Path:
    """Keep generator and keypoint detector of a weight file as safetensors; a third of the size of a published file.

    Configuration, licence, origin and the source's sha256 go into the metadata.

    Args:
        source: A weight file of either format.
        target: Path ending in ``.safetensors``; replaced only when the new file is whole.
        config: As for ``load``.
        name: The registered name whose weights these are, where hash and file name do not show it.
        half: Store float16.

    Returns:
        The target.

    Raises:
        WeightsError: Source or target cannot be used, or the name is unknown.
    """
    source, target = resolve(Path(source)), Path(target)
    if target.suffix != ".safetensors":
        raise WeightsError("Weights are converted to safetensors", got=target.name, expected="a name in .safetensors")
    if os.path.exists(target) and target.samefile(source):
        raise WeightsError("Source and target are the same file", got=target)
    with naming(source):
        checkpoint = checkpoints.read(source)
        entry = _identify(checkpoint, source) if name is None else _entry(name)
        config = config or _configuration(checkpoint, entry)
    verified = entry is not None and entry.sha256 == checkpoint.sha256
    metadata = {
        "licence": entry.licence if entry else "unknown",
        "origin": f"{source.name}{', as published' if verified else ''}",
        **checkpoint.metadata,
        "source_sha256": checkpoint.sha256,
    }
    return checkpoints.save(
        target,
        generator=checkpoint.generator,
        kp_detector=checkpoint.kp_detector,
        config=config,
        metadata=metadata,
        half=half,
    )


def status() -> list[WeightsStatus]:
    """What is known of every registered name; cached files are hashed, which takes a second or two each."""
    folder = cache_folder()
    pins = read_pins(folder / "pinned.json")
    lines = []
    for entry in WEIGHTS.values():
        path = embedded_file(entry.file) if entry.embedded else folder / entry.file
        trusted = entry.sha256 or pins.get(entry.file)
        if entry.embedded:
            state = "embedded"
        elif not path.is_file():
            state = "published" if entry.sha256 else "pinned" if trusted else "none published"
        elif trusted is None:
            state = "unverified"
        elif sha256_of(path) != trusted:
            state = "wrong hash"
        else:
            state = "verified" if entry.sha256 else "pinned"
        lines.append(
            WeightsStatus(
                name=entry.name,
                domain=entry.domain,
                bytes=entry.bytes,
                hash=state,
                licence=entry.licence,
                path=path if path.is_file() else None,
            )
        )
    return lines


def _entry(name: str) -> PublishedWeights:
    if name not in WEIGHTS:
        raise _unknown(name)
    return WEIGHTS[name]


def _unknown(name: str) -> WeightsError:
    nearest = difflib.get_close_matches(name.lower(), WEIGHTS, n=1, cutoff=0.0)[0]
    return WeightsError(
        "No weights of this name",
        got=repr(name),
        expected=f"{', '.join(WEIGHTS)}, or a path to a .pth.tar or .safetensors file",
        todo=f"The nearest name is {nearest!r}",
    )


def embedded_file(name: str) -> Path:
    """In the installed package ``motionkit.embedded``, or in a checkout that is not installed, beside the package.

    Args:
        name: Of the file.

    Raises:
        WeightsError: It is missing.
    """
    candidates = [Path(__file__).parents[2] / "weights" / name]
    with contextlib.suppress(ModuleNotFoundError):
        candidates.insert(0, Path(str(resources.files("motionkit.embedded") / name)))
    for path in candidates:
        if path.is_file():
            return path
    raise WeightsError(f"The embedded weights {name} are missing", todo="Install motionkit again")


def _check_start(start: bytes) -> None:
    """Refuse what cannot be a published checkpoint by its first bytes."""
    if checkpoints.sniff(start, name="what it sent") == "safetensors":
        raise WeightsError("what it sent is safetensors and not the published format")


def _identify(checkpoint: checkpoints.Checkpoint, path: Path) -> PublishedWeights | None:
    """The registered weights that a file is, by hash, by the name stored in it, or by a file name that fits."""
    for entry in WEIGHTS.values():
        if entry.sha256 == checkpoint.sha256 or (checkpoint.config and checkpoint.config.name == entry.name):
            return entry
    for entry in WEIGHTS.values():
        if entry.file == path.name and entry.name in PUBLISHED and checkpoint.config is None:
            try:
                _check(checkpoint, PUBLISHED[entry.name])
            except WeightsError:
                return None
            return entry
    return None


def _configuration(checkpoint: checkpoints.Checkpoint, entry: PublishedWeights | None) -> ModelConfig:
    if checkpoint.config is not None:
        if entry is not None and checkpoint.config.domain == "other":
            return replace(checkpoint.config, domain=entry.domain)
        return checkpoint.config
    if entry is not None and entry.name in PUBLISHED:
        return PUBLISHED[entry.name]
    return checkpoints.recognise(checkpoint.generator, checkpoint.kp_detector)


def _trust(entry: PublishedWeights, target: Path, digest: str, pins: Path, *, fresh: bool) -> None:
    """Pin an unverified file, provided that it is whole and the network that it claims to be."""
    try:
        checkpoint = checkpoints.read(target)
        _check(checkpoint, PUBLISHED[entry.name])
    except WeightsError:
        if fresh:
            target.unlink(missing_ok=True)
        raise
    pin(pins, entry.file, digest)
    print(f"{entry.file}: unverified; sha256 {digest} is now pinned in {pins}", file=sys.stderr)


def _check(checkpoint: checkpoints.Checkpoint, config: ModelConfig) -> None:
    checkpoints.check_shapes(config, generator=checkpoint.generator, kp_detector=checkpoint.kp_detector)
