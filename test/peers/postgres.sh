#!/usr/bin/env bash
# The programs of a PostgreSQL server of any major version, for tests:
#   postgres.sh MAJOR    prints the directory of initdb and postgres, for CONNECTD_TEST_POSTGRES_BIN
# The newest release of MAJOR (12 or newer) is fetched once; it comes with the usual
# extensions. Needs mvn, unzip or jar, and xz. PG_BINARIES is where it is unpacked,
# a folder for each version (default below the temporary folder).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
major="${1:-}"
if ! [[ "$major" =~ ^[1-9][0-9]$ ]]; then
  sed -n '2,6p' "$0" >&2
  exit 2
fi
binaries="${PG_BINARIES:-${TMPDIR:-/tmp}/connectd-postgres}"
home="$binaries/$major"
if [ -x "$home/bin/postgres" ]; then
  echo "$home/bin"
  exit
fi

platform() {
  case "$(uname -s)/$(uname -m)" in
  Linux/x86_64) echo linux-amd64 ;;
  Linux/aarch64) echo linux-arm64v8 ;;
  Darwin/x86_64) echo darwin-amd64 ;;
  Darwin/arm64) echo darwin-arm64v8 ;;
  *) echo "there are no programs for $(uname -s) on $(uname -m)" >&2; exit 1 ;;
  esac
}

unjar() { if command -v unzip > /dev/null; then unzip -qo "$1"; else jar xf "$1"; fi; }

mkdir -p "$binaries"
work="$(mktemp -d "$binaries/.unpack-XXXXXX")"
trap 'rm -rf "$work"' EXIT
platform="$(platform)"
mvn -B -ntp -q -f "$here/postgres/pom.xml" -Dplatform="$platform" -Drelease="[$major,$((major + 1))-alpha)" \
  dependency:copy-dependencies -DoutputDirectory="$work" >&2
mkdir "$work/home"
cd "$work"
unjar "$work"/*.jar
tar -C home -xf postgres-*.txz
# The server runs as another user where tests run as root.
chmod -R a+rX home
chmod a+rx "$binaries"
[ -x "$home/bin/postgres" ] || mv home "$home"
echo "$home/bin"
