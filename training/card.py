"""The model card (after Mitchell et al. 2019), written from the manifest so that the two cannot disagree."""

from collections.abc import Mapping
from typing import Any

_SETS = {
    "held_out_folds": (
        "Held-out folds of our own corpus",
        "Groups kept together. Authored text is easier than scraped text: read these figures for change, not for truth.",
    ),
}


def model_card(manifest: Mapping[str, Any]) -> str:
    """A release's model card in Markdown."""
    corpus, code = manifest["corpus"], manifest["code"]
    rule = manifest["recipe"]["decisions"]
    lines = [
        f"# Wiretag model {manifest['version']}",
        "",
        f"Created {manifest['created']} by Wiretag {code['wiretag']} with scikit-learn {code['scikit-learn']}.",
        "",
        "## What it is for",
        "Tagging segments of English-language news (articles, briefs, teasers) with the topics below; several, one or none a "
        "segment. For monitoring and triage by people who can look at the text. Not for judging persons or outlets, and not "
        "for languages other than English, which it declines.",
        "",
        "| topic | assigned from | review from | what it is |",
        "|---|---|---|---|",
    ]
    for topic in manifest["topics"]:
        cut = manifest["cuts"][topic["id"]]
        lines.append(f"| `{topic['id']}` | {cut['threshold']:.3f} | {cut['review']:.3f} | {topic['description']} |")
    lines += [
        "",
        "## Data",
        f"{corpus['segments']:,} segments ({corpus['words']:,} words, {corpus['groups']:,} stories) written for this project; "
        f"{corpus['none']:,} carry no topic, {corpus['several']:,} carry several. They report nothing: `training/CORPUS.md`.",
        "",
        "Word frequencies for the background of the document frequencies come from the wordfreq package (Robyn Speer; "
        "data CC BY-SA 4.0).",
        "",
        "## Model",
        f"TF-IDF over {manifest['features']['words']:,} words, {manifest['features']['pairs']:,} word pairs and "
        f"{manifest['features']['kinds']} kinds of names; one linear support vector machine a topic, calibrated by a sigmoid "
        f"on held-out folds under a prior of {manifest['calibration']['prior']:.0%} a topic.",
        "",
        f"A topic is assigned from a chance of {rule['chance']:.0%} on, and for review from {rule['review']:.0%}.",
        "",
        "## Figures",
    ]
    for name, figures in manifest["evaluation"].items():
        title, remark = _SETS.get(name, (f"`{name}`", f"SHA-256 of the file: `{figures.get('sha256', '')}`."))
        lines += [f"### {title}", remark, "", *figure_lines(figures), ""]
    lines += [
        "The command that made them: `wiretag train --measure NAME=FILE`, which fits, measures on FILE and writes this card; "
        "`wiretag evaluate FILE` measures again.",
        "",
        "## Limits",
        "- Written text of one house teaches it: angles and vocabularies nobody wrote about are missed.",
        "- Words decide, not understanding: a text that uses a topic's words at length about something else may be tagged.",
        "- Scores are calibrated for the stated prior; on a stream with other shares they are off by the ratio of the odds.",
        "- Very short texts carry little evidence; look at `review`.",
        "",
    ]
    return "\n".join(lines)


def figure_lines(figures: Mapping[str, Any]) -> list[str]:
    """Figures on segments or on pages as Markdown: one paragraph and a table."""
    if "segment_f1" in figures:
        return [
            f"Segment F1 **{figures['segment_f1']:.3f}** on {figures['pages']:,} pages; junk leak {figures['junk_leak']:.1%}; "
            f"roles right {figures['role_accuracy']:.1%}; "
            f"end-to-end F1 (segment found and topic right) {figures['end_to_end_f1']:.3f}.",
            "",
            "| layout | segment F1 |",
            "|---|---|",
            *(f"| {layout} | {value:.3f} |" for layout, value in figures["layouts"].items()),
        ]
    low, high = figures["macro_f1_95"]
    parts = [
        f"Macro F1 **{figures['macro_f1']:.3f}** (95 % interval {low:.3f}–{high:.3f}) on {figures['segments']:,} segments",
        f"false alarms on topicless ones {figures['false_alarm_rate']:.1%}",
        f"precision of `assigned` {figures['assigned_precision']:.3f}",
        f"true topics assigned or for review {figures['assigned_or_review_recall']:.3f}",
        f"calibration error {figures['calibration_error']:.3f}",
    ]
    rows = ["; ".join(parts) + ".", "", "| topic | F1 | precision | recall | n |", "|---|---|---|---|---|"]
    for topic, row in figures["topics"].items():
        cells = ["–" if row[key] is None else f"{row[key]:.3f}" for key in ("f1", "precision", "recall")]
        rows.append(f"| `{topic}` | {' | '.join(cells)} | {row['support']} |")
    if lengths := figures.get("macro_f1_by_length"):
        rows += [
            "",
            "Macro F1 by how much is read: " + ", ".join(f"{name} {value:.3f}" for name, value in lengths.items()) + ".",
        ]
    return rows
