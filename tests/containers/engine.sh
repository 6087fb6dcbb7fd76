#!/usr/bin/env bash
# Run a command with a Docker engine at hand: the one that answers, or one that is made here for as long as the command runs.
#   usage: engine.sh COMMAND…
# An engine is made as root on Debian, of Debian's packages alone. Such a machine may reach no registry of images, so the images
# that ours and compose.yaml ask for are built from Debian's packages too (standins/); their names go to COMMAND as variables.
#   ENGINE_DIR    where the engine keeps its things (a new folder that is removed at the end); on a real disk, with 4 GB free
#   ENGINE_SUITE  the Debian suite that has the plugins buildx and compose (trixie)
set -Eeuo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tell() { printf 'engine [%3ds] %s\n' "$SECONDS" "$*" >&2; }

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
  exec "$@"
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "containers: skipped: no Docker engine answers, and making one needs root on Debian" >&2
  exit 0
fi

dir=${ENGINE_DIR:-$(mktemp -d "${TMPDIR:-/var/tmp}/engine.XXXXXX")}
mkdir -p "$dir"
daemon= command=
end() {
  status=$?
  trap - EXIT
  if [ -n "$command" ]; then kill -TERM "$command" 2>/dev/null || true; fi
  if [ -n "$daemon" ]; then
    docker ps --all --quiet 2>/dev/null | xargs --no-run-if-empty docker rm --force --volumes >/dev/null 2>&1 || true
    docker network prune --force >/dev/null 2>&1 || true # else their bridges stay on the machine
    kill -TERM "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
    awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs --no-run-if-empty umount || true
  fi
  if [ -z "${ENGINE_DIR:-}" ]; then rm -rf "$dir"; fi
  exit "$status"
}
trap end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

tell "packages"
missing=()
command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || missing+=(docker.io)
[ -x /usr/sbin/iptables ] || missing+=(iptables)
command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$dir/apt.log" 2>&1 \
    || { tail "$dir/apt.log" >&2; exit 1; }
fi

export DOCKER_CONFIG=$dir/config DOCKER_HOST=unix://$dir/docker.sock PATH=/usr/sbin:/sbin:$PATH
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -1) # apt's own: none is named here
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

plugins() { # unpacked beside the engine, not installed: they are of another suite
  if docker buildx version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then return; fi
  mkdir -p "$DOCKER_CONFIG/cli-plugins" "$dir"/plugins/{lists/partial,cache/archives/partial}
  echo "deb [signed-by=$keyring] $mirror ${ENGINE_SUITE:-trixie} main" >"$dir/plugins/sources"
  local options=(-qq -o Dir::Etc::SourceList="$dir/plugins/sources" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$dir/plugins/lists"
    -o Dir::Cache="$dir/plugins/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$dir/plugins" && apt-get "${options[@]}" download docker-buildx docker-compose >/dev/null \
    && for package in *.deb; do dpkg-deb --extract "$package" unpacked; done)
  cp "$dir"/plugins/unpacked/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
}
python_base() { # made aside, then renamed: a run that is cut off leaves no half of it
  [ -s "$dir/base.tar" ] && return
  mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' --keyring="$keyring" \
    --include=ca-certificates,netbase,tzdata,python3,python3-venv,python3-pip "$suite" "$dir/base.part.tar" "$mirror"
  mv "$dir/base.part.tar" "$dir/base.tar"
}
tell "plugins, and a base of Debian's own Python"
python_base &
base=$!
plugins
wait "$base"

tell "engine"
dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" --host "$DOCKER_HOST" \
  --bridge=none --iptables=false --ip6tables=false --ip-forward=false --userland-proxy-path "$(command -v docker-proxy)" >"$dir/dockerd.log" 2>&1 &
daemon=$!
until docker version >/dev/null 2>&1; do
  kill -0 "$daemon" 2>/dev/null || { tail -3 "$dir/dockerd.log" >&2; exit 1; }
  sleep 0.2
done

tell "stand-ins for images that cannot be pulled"
docker image inspect standin-raw >/dev/null 2>&1 || docker import "$dir/base.tar" standin-raw >/dev/null
standin() {
  docker buildx build --quiet --network host --tag "standin-$1" "$here/standins/$1" >/dev/null 2>"$dir/$1.log" || { tail -20 "$dir/$1.log" >&2; return 1; }
}
standin python
building=()
for name in nginx postgres redis; do
  standin "$name" &
  building+=($!)
done
for process in "${building[@]}"; do wait "$process"; done
export BASE=standin-python NGINX_IMAGE=standin-nginx POSTGRES_IMAGE=standin-postgres REDIS_IMAGE=standin-redis
export BUILD_NETWORK=host # there is no bridge
export BUILD_SECRET=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}

tell "ready"
"$@" & # so that a signal is heard at once, not after it
command=$!
wait "$command"
