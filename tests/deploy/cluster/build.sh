#!/usr/bin/env bash
# Builds a Kubernetes control plane (API server, controllers, scheduler) from Debian's own source package, once, into a
# cache outside the repository. Debian ships only the client; its source package has the whole server, fully vendored.
# Prints the folder of the programs. Exit status 3: a part is missing here, and what it is.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/venuebus/kubernetes
programs=(kube-apiserver kube-controller-manager kube-scheduler)
reflect2=/usr/share/gocode/src/github.com/modern-go/reflect2

say() { printf '%s\n' "$*" >&2; }
missing() { say "no control plane: $*"; exit 3; }
built() { for program in "${programs[@]}"; do [ -x "$cache/bin/$program" ] || return 1; done; }

if built; then echo "$cache/bin"; exit 0; fi
[ "${1:-}" = --only-look ] && missing "not built yet; make k8s builds it (about 6 minutes, 4 GB for the time being)"

need="apt-get install golang-go etcd-server rsync golang-github-modern-go-reflect2-dev"
for program in go rsync make dpkg-source; do
  command -v "$program" >/dev/null || missing "$program is not installed: $need dpkg-dev make"
done
[ -d "$reflect2" ] || missing "$reflect2 is not there: $need"

work=$cache/build
mkdir -p "$work/lists/partial" "$work/archives/partial" "$cache/bin"
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

# A list of sources of our own: the system's, with deb-src, and nothing of the system is changed.
sources=(/etc/apt/sources.list.d/debian.sources)
[ -f "${sources[0]}" ] || missing "this is not a Debian with ${sources[0]}"
sed 's/^Types:.*/Types: deb-src/' "${sources[0]}" >debian.sources
apt=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/sources.d" -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache::archives=$work/archives" -o "Dir::Cache::srcpkgcache=" -o "Dir::Cache::pkgcache=" -o "APT::Sandbox::User=$(id -un)")
mkdir -p sources.d && mv debian.sources sources.d/
say "fetching Debian's source of kubernetes …"
apt-get "${apt[@]}" -qq update >&2 || missing "the package lists cannot be fetched"
apt-get "${apt[@]}" -qq source --download-only kubernetes >&2 || missing "Debian's source of kubernetes cannot be had"

say "unpacking …"
mkdir tree
tar -xf kubernetes_*.orig.tar.* -C tree --strip-components 1
# reflect2 as old as this Kubernetes crashes the server after minutes when built with Go 1.18 or later.
rm -rf tree/vendor/github.com/modern-go/reflect2
cp -rL "$reflect2" tree/vendor/github.com/modern-go/reflect2
cd tree

export GO111MODULE=auto GOPROXY=off GOFLAGS= GOCACHE="$work/go" FORCE_HOST_GO=y
export KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_COMMIT=x KUBE_GIT_TREE_STATE=clean KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20
for program in "${programs[@]}"; do
  say "building $program …"
  nice -n 19 make WHAT="cmd/$program" >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2; missing "$program does not build"; }
  install -m 755 "_output/bin/$program" "$cache/bin/"
done
echo "$cache/bin"
