#!/usr/bin/env bash
# Makes a base image with Python out of Debian packages, for machines that reach no image registry. Prints its name.
# Exit status 3: a part is missing here, and what it is.
set -euo pipefail
suite=${1:-trixie}
name=localhost/venuebus-base:$suite
for program in buildah mmdebstrap; do
  command -v "$program" >/dev/null || { echo "no image: $program is not installed (apt-get install buildah podman runc mmdebstrap)" >&2; exit 3; }
done
if ! buildah inspect --type image "$name" >/dev/null 2>&1; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mmdebstrap --quiet --variant=minbase --include=python3-venv,ca-certificates "$suite" "$folder/base.tar" \
    >"$folder/log" 2>&1 || { tail -n 5 "$folder/log" >&2; echo "no image: mmdebstrap $suite failed" >&2; exit 3; }
  printf 'FROM scratch\nADD base.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' >"$folder/Dockerfile"
  buildah bud --quiet --isolation chroot -t "$name" "$folder" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
fi
echo "$name"
