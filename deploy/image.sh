#!/usr/bin/env bash
# Build the image without a container engine, start every service from the built root, and say how large it is.
#
#   BASE=docker.io/library/python:3.13-slim-bookworm deploy/image.sh     where a registry of images is reached
#   deploy/image.sh                                                      a Debian base made here stands in
#
# Needs root, for chroot and mounts. KEEP=1 keeps the image and the stand-in base in WORK.
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=${WORK:-$(mktemp -d /tmp/evenload-image.XXXXXX)}
mkdir -p "$WORK"
TAG=${TAG:-localhost/evenload:check}
IMAGES=(buildah --root "$WORK/images" --runroot "$WORK/run" --storage-driver vfs)
SERVICES=(allocator meter_ingest ocpp_gateway plug_control planner home_assistant)
pids=()

clean() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  [ -n "${root:-}" ] && { umount "$root/proc" 2>/dev/null || true; "${IMAGES[@]}" rm --all >/dev/null 2>&1 || true; }
  [ "${KEEP:-0}" = 1 ] || rm -rf "$WORK"
}
trap clean EXIT

base() { # make the stand-in base, once
  .ci/need mmdebstrap mmdebstrap "it makes the base that stands in for one of a registry"
  if [ ! -s "$WORK/base.tar" ]; then
    echo "making a Debian base (about a minute)"
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$WORK/base.tar"
  fi
  local made
  made=$("${IMAGES[@]}" from scratch)
  "${IMAGES[@]}" add --quiet "$made" "$WORK/base.tar" / >/dev/null
  "${IMAGES[@]}" commit --quiet "$made" localhost/evenload-base >/dev/null
  "${IMAGES[@]}" rm "$made" >/dev/null
  BASE=localhost/evenload-base
}

build() {
  local pip="$WORK/pip.conf"
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$pip"
  "${IMAGES[@]}" build --isolation chroot --build-arg "BASE=$BASE" --network host \
    --volume "$pip:/etc/pip.conf:ro" --volume /etc/ssl/certs:/etc/ssl/certs:ro --timestamp "$(git log -1 --format=%ct)" \
    --format docker --quiet --tag "$TAG" --file deploy/Dockerfile . >/dev/null
}

# Start what the image starts, as its user, in its root, which that user cannot write. Called in a subshell, which it
# takes the place of: so the process that is noted is the one that is ended.
inside() { exec chroot --userspec=10001:10001 "$root" env -i "${environment[@]}" "$@"; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

answers() { # URL
  for _ in $(seq 100); do
    python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)' "$1" 2>/dev/null && return 0
    sleep 0.1
  done
  return 1
}

start_all() {
  local nats_port service port
  nats_port=$(free_port)
  inside nats-server -js -sd /tmp/nats -a 127.0.0.1 -p "$nats_port" >"$WORK/nats.log" 2>&1 &
  pids+=($!)
  for service in "${SERVICES[@]}"; do
    port=$(free_port)
    environment=("${image_environment[@]}" "EVENLOAD_NATS_URL=nats://127.0.0.1:$nats_port" "EVENLOAD_HTTP_HOST=127.0.0.1"
      "EVENLOAD_HTTP_PORT=$port" "EVENLOAD_OCPP_HOST=127.0.0.1" "EVENLOAD_OCPP_PORT=$(free_port)")
    inside evenload run "$service" >"$WORK/$service.log" 2>&1 &
    pids+=($!)
    answers "http://127.0.0.1:$port/readyz" || { echo "error: $service does not become ready:" >&2; cat "$WORK/$service.log" >&2; return 1; }
    echo "ready: $service"
  done
}

.ci/need buildah buildah "it builds the image without a container engine"
[ -n "${BASE:-}" ] || base
build
container=$("${IMAGES[@]}" from "$TAG")
root=$("${IMAGES[@]}" mount "$container")
mount -t proc proc "$root/proc"
user=$("${IMAGES[@]}" inspect --format '{{.OCIv1.Config.User}}' "$TAG")
[ "$user" = 10001:10001 ] || { echo "error: the image runs as '$user', not as 10001:10001" >&2; exit 1; }
mapfile -t image_environment < <("${IMAGES[@]}" inspect --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' "$TAG" | grep .)
environment=("${image_environment[@]}")
written=$(inside find / -xdev -writable -not -type l -not -path '/tmp*' -not -path '/proc*' -not -path '/dev*' -not -path '/var/tmp*' -not -path '/run/lock*' 2>/dev/null | head -3 || true)
[ -z "$written" ] || { echo "error: the image's user can write to $written" >&2; exit 1; }
start_all
echo "image $TAG: $(du -sm "$root/opt/evenload" | cut -f1) MB of evenload on a base of $(($(du -sm --exclude=proc "$root" | cut -f1) - $(du -sm "$root/opt/evenload" | cut -f1))) MB"
