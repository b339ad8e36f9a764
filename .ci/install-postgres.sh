#!/usr/bin/env bash
# Installs PostgreSQL from Debian's package where its programs are missing. The cluster that the package would make is
# not wanted: the tests start servers of their own, in temporary folders, as the user `postgres`.
set -euo pipefail
shopt -s nullglob
programs=(/usr/lib/postgresql/*/bin/initdb)
[ ${#programs[@]} -gt 0 ] && exit
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo -n)
"${sudo[@]}" mkdir -p /etc/postgresql-common
echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
