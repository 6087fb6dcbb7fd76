"""What pip-audit found, in a few lines: `report.py FOUND SAID`, its JSON and its standard error. Exit status 1 for a vulnerability.

pip-audit calls a dependency that its service does not know free of vulnerabilities; here such dependencies count as not audited.
"""

import json
import sys
from pathlib import Path


def main(found: Path, said: Path) -> int:
    """Print the outcome and give the exit status."""
    try:
        dependencies = json.loads(found.read_bytes())["dependencies"]
    except (OSError, ValueError):
        reason = (said.read_text(encoding="utf-8", errors="replace").strip() or "no answer").splitlines()[-1]
        print(f"audit: skipped: the advisory service cannot be reached from here: {reason[:200]}")
        return 0
    audited = [each for each in dependencies if "skip_reason" not in each]
    if not audited:
        print(
            f"audit: skipped: the advisory service knows none of the {len(dependencies)} dependencies; is it reached from here?"
        )
        return 0
    n_found = 0
    for each in audited:
        for advisory in each["vulns"]:
            n_found += 1
            mended = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"audit: {each['name']} {each['version']}: {advisory['id']}; mended in {mended}")
    unknown = sorted(each["name"] for each in dependencies if "skip_reason" in each)
    print(
        f"audit: {len(audited)} dependencies, {n_found} known vulnerabilities"
        + (f"; not audited: {', '.join(unknown)}" if unknown else "")
    )
    return 1 if n_found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
