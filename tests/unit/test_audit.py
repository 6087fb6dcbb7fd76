"""What `make audit` says of pip-audit's findings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = Path(__file__).resolve().parents[1] / "audit" / "report.py"
SOUND = {"name": "flask", "version": "3.1.3", "vulns": []}
UNKNOWN = {"name": "numpy", "skip_reason": "Dependency not found"}
FAULTY = {"name": "werkzeug", "version": "3.1.9", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.2"]}]}


@pytest.mark.parametrize(
    ("dependencies", "status", "said"),
    [
        ([SOUND], 0, "audit: 1 dependencies, 0 known vulnerabilities\n"),
        ([SOUND, UNKNOWN], 0, "not audited: numpy"),
        ([UNKNOWN], 0, "audit: skipped"),
        ([SOUND, FAULTY, UNKNOWN], 1, "audit: werkzeug 3.1.9: PYSEC-1; mended in 3.2\n"),
        (None, 0, "audit: skipped: the advisory service cannot be reached from here: ConnectionError: no name\n"),
    ],
)
def test_what_was_not_audited_is_never_called_sound(
    tmp_path: Path, dependencies: list[object] | None, status: int, said: str
) -> None:
    """A vulnerability fails the build, a missing network never does, and neither is taken for the other."""
    found, errors = tmp_path / "found", tmp_path / "said"
    if dependencies is not None:
        found.write_text(json.dumps({"dependencies": dependencies}), encoding="utf-8")
    errors.write_text("Traceback:\nConnectionError: no name\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(REPORT), str(found), str(errors)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == status
    assert said in done.stdout
