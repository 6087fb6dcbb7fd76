#!/usr/bin/env bash
# Replace the running replicas by ones of the newest image and settings, one by one: a new one is healthy before an old one goes.
#   docker compose build && docs/deploy/compose/roll.sh
# From the folder of compose.yaml. A new one that does not get healthy ends the change; the old ones serve on.
set -Eeuo pipefail
patience=${PATIENCE:-120} # seconds that a new replica may take

health() { docker inspect --format '{{.State.Health.Status}}' "$1"; }
replicas() { docker compose ps --quiet service | sort; }

mapfile -t old < <(replicas)
[ ${#old[@]} -gt 0 ] || { echo "no replica runs; start them with: docker compose up --detach" >&2; exit 1; }
for leaving in "${old[@]}"; do
  mapfile -t before < <(replicas)
  docker compose up --detach --no-deps --no-build --no-recreate --scale service=$((${#before[@]} + 1)) service >&2
  coming=$(comm -13 <(printf '%s\n' "${before[@]}") <(replicas))
  for ((waited = 0; ; waited++)); do
    [ "$(health "$coming")" = healthy ] && break
    if [ "$waited" -ge "$patience" ]; then
      echo "the new replica is not healthy after $patience s; it says:" >&2
      docker logs --tail 5 "$coming" >&2
      docker rm --force "$coming" >/dev/null
      exit 1
    fi
    sleep 1
  done
  sleep 2 # nginx asks for the replicas' addresses every second
  docker stop --time 65 "$leaving" >/dev/null
  echo "replaced ${leaving:0:12} by ${coming:0:12}; the old one ended with status $(docker wait "$leaving")"
  docker rm "$leaving" >/dev/null
done
