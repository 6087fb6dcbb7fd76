#!/usr/bin/env bash
# What a new user would try on the running container.
set -Eeuo pipefail
cd "$(dirname "$0")/../data/pages"
url=http://127.0.0.1:8000
curl -fsS -m 5 "$url/readyz"
curl -fsS -m 5 "$url/model" | python3 -c 'import json, sys; assert json.load(sys.stdin)["kernel"] == "compiled"'
for page in cards teasers; do
  curl -fsS -m 5 -H 'Content-Type: text/plain' --data-binary "@$page.txt" "$url/classify?as=page" >/tmp/answer.json
  python3 - "$page" <<'PY'
import json, sys
answer = json.load(open("/tmp/answer.json"))
roles = [segment["role"] for segment in answer["segments"]]
expected = {"cards": ["main", "related", "related"], "teasers": ["main", "teaser", "teaser", "teaser"]}[sys.argv[1]]
assert roles == expected, roles
print(sys.argv[1], roles)
PY
done
status=$(curl -sS -m 5 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d '{"text": ""}' "$url/classify")
test "$status" = 422
