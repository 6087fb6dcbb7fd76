"""The pipeline of scikit-learn's tutorials, fitted on the corpus: `python sklearn_pipeline.py CORPUS MODEL`.

Run by the peers' own Pythons, so that each unpickles what its own libraries pickled; imports nothing of this project.
"""

import json
import sys
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer


def main(corpus: str, model: str) -> None:
    """Fit and write."""
    rows = [json.loads(line) for line in Path(corpus).read_text(encoding="utf-8").splitlines()]
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), OneVsRestClassifier(LogisticRegression(C=10))
    )
    pipeline.fit([row["text"] for row in rows], MultiLabelBinarizer().fit_transform([row["topics"] for row in rows]))
    joblib.dump(pipeline, model)


if __name__ == "__main__":
    main(*sys.argv[1:])
