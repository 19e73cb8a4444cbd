"""The data card: a README that says what the data set is, where it comes from, and what it must not be taken for."""

from __future__ import annotations

from motionkit import trust
from motionkit.data.multiplication.manifest import Totals
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.placing import SHARDS
from motionkit.data.multiplication.plan import Plan
from motionkit.data.multiplication.rows import FAILED, OK, REJECTED
from motionkit.model import Model

__all__ = ["CARD", "data_card"]

CARD = "README.md"
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def data_card(plan: Plan, options: MultiplyOptions, model: Model, totals: Totals) -> str:
    """The card in Markdown, with the head that Hugging Face's datasets reads.

    Args:
        plan: What was made.
        options: What was asked for.
        model: Animated.
        totals: What the manifest comes to.
    """
    rows = sum(totals.statuses.values())
    size = next((name for most, name in SIZES if totals.statuses[OK] < most), "n>10M")
    files = f"{SHARDS}/*.tar" if options.format == "webdataset" else "manifest.parquet"
    kind = "clip" if options.frames is None else "picture"
    reasons = [f"- {count} × {reason}" for reason, count in totals.reasons.most_common(20)]
    return "\n".join([
        "---",
        f"license: {options.licence or 'unknown'}",
        f"size_categories: [{size}]",
        "tags: [synthetic, ai-generated, motionkit]",
        "configs:",
        "- config_name: default",
        f"  data_files: {files}",
        "---",
        "",
        "# A multiplied data set",
        "",
        f"{counted(totals.statuses[OK], kind)} ({counted(totals.frames, 'frame')}), made by AI: "
        f"{counted(len(plan.sources), 'source')} moved by {counted(len(plan.drivings), 'driving')}, "
        f"{counted(len(plan.pairs), 'pair')}, {plan.variations} of each.",
        "",
        "| | |",
        "|---|---|",
        f"| rows of manifest.parquet | {rows}: {totals.statuses[OK]} ok, {totals.statuses[REJECTED]} rejected, "
        f"{totals.statuses[FAILED]} failed |",
        f"| made with | {trust.container_metadata()['comment'].split(' with ')[1].split(':')[0]} |",
        f"| model | {model.config.name}, weights' sha256 {model.fingerprint or 'unknown'} |",
        f"| seed | {options.seed} |",
        f"| variations | {', '.join(_changes(plan, options))} |",
        f"| labels | {', '.join(options.labels) or 'none'} |",
        f"| licence | {options.licence or 'as of the sources: see the column licence'} |",
        "",
        "## Rejected and failed",
        "",
        *(reasons or ["None."]),
        "",
        "## Please note",
        "",
        "- Nobody was filmed doing this. Every picture carries a watermark and metadata that say so; "
        "`motionkit verify` reads them.",
        "- A source's face stays that person's: use what is made from it only as they agreed to, and for nothing that "
        "passes for a recording.",
        "- Labels are what the model was asked for and how it did it, not measurements: `follow_error` says how far "
        "off the gate found each result.",
        f"- All is made of {counted(len(plan.sources), 'source')}: results of one belong on one side of a split.",
        "",
    ])  # fmt: skip


def counted(number: int, what: str) -> str:
    """A number with its word, such as "1 pair" and "2 pairs".

    Args:
        number: How many.
        what: The word for one.
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _changes(plan: Plan, options: MultiplyOptions) -> list[str]:
    vary = options.variations
    return [
        f"strength {vary.strength[0]:g} to {vary.strength[1]:g}",
        *(f"gain of {part} {low:g} to {high:g}" for part, (low, high) in vary.gains.items()),
        f"{vary.flip:.0%} mirrored",
        f"colours changed by up to {vary.jitter:.0%}",
        f"crops changed by up to {vary.crop:.0%}",
        f"backgrounds replaced in {vary.replaced:.0%}" if plan.backgrounds else "backgrounds kept",
    ]
