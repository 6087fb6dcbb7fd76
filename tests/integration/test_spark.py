"""The recipe for Spark in docs/clusters.md."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

CLUSTERS = Path(__file__).resolve().parents[2] / "docs" / "clusters.md"
RECIPE, JOB = re.findall(r"```python\n(.*?)```", CLUSTERS.read_text(encoding="utf-8"), re.DOTALL)
SANCTIONS = "The European Union imposed sanctions on the bank, froze its assets and extended the oil embargo, the Council said on Monday."
DOCUMENTS = {
    "document_id": ["a", "b", "c"],
    "text": [SANCTIONS, " ", "Rain fell on the town all week and the school fair was put off."],
}


def _recipe() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(RECIPE, names)  # our own document
    return names


def test_the_function_tags_frames() -> None:
    """It needs no Spark: frames in, frames out, a document that cannot be used in its place."""
    pandas = pytest.importorskip("pandas")
    (frame,) = _recipe()["tagged"](iter([pandas.DataFrame(DOCUMENTS)]))
    assert frame["document_id"].tolist() == ["a", "b", "c"]
    assert [[topic["topic"] for topic in topics] for topics in frame["topics"]] == [["sanctions"], [], []]
    assert ["empty or blank" in str(error) for error in frame["error"]] == [False, True, False]


@pytest.mark.filterwarnings("ignore")  # of Spark itself, among its parts
def test_spark_runs_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of two partitions reads Parquet and writes Parquet with nested topics."""
    pandas, sql = pytest.importorskip("pandas"), pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    pandas.DataFrame(DOCUMENTS).to_parquet(tmp_path / "documents.parquet")
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()
    try:
        job = re.sub(r'"(\w+\.parquet)"', lambda name: repr(str(tmp_path / name[1])), JOB)
        exec(job, _recipe() | {"spark": spark})
    finally:
        spark.stop()
    found = pandas.read_parquet(tmp_path / "tagged.parquet").set_index("document_id").sort_index()
    assert [[topic["topic"] for topic in topics] for topics in found["topics"]] == [["sanctions"], [], []]
    assert "empty or blank" in found["error"]["b"]
