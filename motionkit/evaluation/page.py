"""The report as one file of HTML: the table, plots, and pictures of the worst and best clips, all inside it."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from motionkit.evaluation.gallery import picture_path
from motionkit.evaluation.plots import Lane, strip_plot
from motionkit.evaluation.result import Evaluation
from motionkit.evaluation.tables import as_html, number

__all__ = ["page"]

FAILURES = 50  # that are listed
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1280px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th { border-bottom: 1px solid var(--line); } tr:nth-child(even) td { background: var(--soft); }
figure { margin: 0 0 1.2rem; } figcaption { font-size: 13px; overflow-wrap: anywhere; }
img { max-width: 100%; border: 1px solid var(--line); } svg { max-width: 100%; height: auto; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); gap: 0 1.2rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(420px, 100%), 1fr)); gap: .5rem 1.5rem; }
.note { color: color-mix(in srgb, currentColor 70%, transparent); font-size: 13px; }
"""


def page(evaluation: Evaluation, *, title: str = "Evaluation") -> str:
    """Write the report.

    Args:
        evaluation: What was found; pictures are taken from its folder.
        title: Of the page.

    Returns:
        HTML that needs no other file and no network.
    """
    kind = "reconstruction" if evaluation.reconstruction else "animation"
    names = ", ".join(model.name for model in evaluation.models)
    frames = sum(evaluation.rows.texts("frames"))
    known = {name for own in evaluation.summary.values() for name in own}
    titles = {quantity.name: quantity.what for quantity in evaluation.quantities if quantity.name in known}
    parts = [
        f"<h1>{_text(title)}: {_text(names)}</h1>",
        f"<p>{kind.capitalize()}, {evaluation.clips} clips, {frames} frames.</p>",
        f'<div class="wide">{as_html(evaluation.lines(), titles)}</div>',
        *(f'<p class="note">{_text(line)}</p>' for line in evaluation.said),
        "<h2>Clip by clip</h2>",
        '<p class="note">A dot is a clip, the block the mean, the bar its interval, the line the median.</p>',
        f'<div class="plots">{"".join(_plots(evaluation))}</div>',
        *(_gallery(evaluation, model.name) for model in evaluation.models),
        _failures(evaluation.failed),
        "<h2>What the figures are</h2>",
        _list(f"<b>{_text(name)}</b>: {_text(what)}" for name, what in titles.items()),
        "<h2>Made with</h2>",
        _list(_made_with(evaluation)),
    ]
    head = f'<meta charset="utf-8"><title>{_text(title)}</title><meta name="viewport" content="width=device-width">'
    return (
        f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _text(text: object) -> str:
    # Names of files may hold bytes that are no characters.
    return html.escape(str(text).encode("utf-8", "backslashreplace").decode())


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _plots(evaluation: Evaluation) -> Iterable[str]:
    models = evaluation.rows.texts("model")
    for quantity in evaluation.quantities:
        if not any(quantity.name in own for own in evaluation.summary.values()):
            continue
        column = evaluation.rows.column(quantity.name)
        lanes = [
            Lane(
                model.name,
                column[[i for i, name in enumerate(models) if name == model.name]],
                evaluation.summary[model.name].get(quantity.name),
            )
            for model in evaluation.models
        ]
        yield f"<figure>{strip_plot(quantity.name, lanes)}<figcaption>{_text(quantity.what)}</figcaption></figure>"


def _gallery(evaluation: Evaluation, model: str) -> str:
    if evaluation.folder is None or not evaluation.options.pictures:
        return ""
    name, ranked = evaluation.ranked(model)
    count = evaluation.options.pictures
    worst = ranked[::-1][:count]
    best = [i for i in ranked[:count] if i not in worst]
    parts = []
    for title, numbers in (("Worst", worst), ("Best", best)):
        figures = [_picture(evaluation, evaluation.folder, i, name) for i in numbers]
        if any(figures):
            parts.append(
                f'<h2>{title} by {_text(name)}: {_text(model)}</h2><div class="clips">{"".join(figures)}</div>'
            )
    return "".join(parts)


def _picture(evaluation: Evaluation, folder: Path, index: int, name: str) -> str:
    row = evaluation.rows[index]
    path = picture_path(folder, row.key)
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    caption = f"{_text(row.clip)}: {_text(name)} {number(row.values[name])}"
    note = f" ({_text(row.reason)})" if row.reason else ""
    image = f'<img alt="{_text(row.clip)}: source, driver and result" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}{note}</figcaption></figure>"


def _failures(failed: Sequence[tuple[str, str, str]]) -> str:
    if not failed:
        return ""
    shown = [f"{_text(clip)} ({_text(model)}): {_text(reason)}" for model, clip, reason in failed[:FAILURES]]
    more = [f"and {len(failed) - FAILURES} more; see clips.csv"] if len(failed) > FAILURES else []
    return "<h2>Could not be measured</h2>" + _list([*shown, *more])


def _made_with(evaluation: Evaluation) -> list[str]:
    options = evaluation.options
    lines = [
        f"{_text(one.name)}: {_text(one.model)}, {one.precision} on {_text(one.device)}, weights {one.sha256[:16]}"
        for one in evaluation.models
    ]
    if evaluation.landmarks:
        lines.append(f"landmarks: {_text(evaluation.landmarks)}")
    if evaluation.embedder:
        lines.append(f"identity: {_text(evaluation.embedder)}")
    lines.append(f"{options.resamples} resamples of clips, seed {options.seed}")
    lines.append(_text(", ".join(f"{name} {version}" for name, version in evaluation.versions.items())))
    return lines
