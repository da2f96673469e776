# shellcheck shell=bash
# A private Postgres for tests and measurements. It is found or installed, starts in a directory of its own, and ends
# with the script that started it. Source it in scripts with `set -euo pipefail`.
#
#   postgres_find          sets and exports TEST_POSTGRES_BIN, the directory of the server programs
#   postgres_start         starts a cluster; exports TEST_DATABASE_URL, and TMPDIR inside the private directory
#   postgres_stop          ends it and removes the directory; safe to call at any time and more than once
#
# The caller traps EXIT, INT and TERM and calls postgres_stop. If the caller is killed outright, a watcher does it
# within seconds.
#
# It never touches a cluster or program that was on this machine before: nothing here uses its port, its data or its
# service manager.

# The oldest major version that the service supports.
POSTGRES_OLDEST=13

# Where distributions put the server programs, besides PATH. Patterns, separated by spaces.
: "${POSTGRES_SEARCH=/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin}"

# The private directory; empty while there is none.
postgres_dir=
postgres_watcher=

# Finds the newest directory with initdb, postgres and pg_ctl. TEST_POSTGRES_BIN, if set, decides instead.
postgres_find() {
    if [ -z "${TEST_POSTGRES_BIN:-}" ]; then
        TEST_POSTGRES_BIN=$(postgres_newest)
        if [ -z "$TEST_POSTGRES_BIN" ]; then
            postgres_install
            TEST_POSTGRES_BIN=$(postgres_newest)
        fi
    fi
    if [ -z "$TEST_POSTGRES_BIN" ] || ! postgres_version "$TEST_POSTGRES_BIN" >/dev/null; then
        postgres_missing
        return 1
    fi
    export TEST_POSTGRES_BIN
}

postgres_missing() {
    echo "The tests need the Postgres server programs (initdb, postgres, pg_ctl), version $POSTGRES_OLDEST or newer:" \
        "install the package 'postgresql' (Debian, Ubuntu: apt install postgresql)," \
        "'postgresql-server' (Fedora: dnf install postgresql-server)" \
        "or 'postgresql@17' (Homebrew: brew install postgresql@17), or name their directory in TEST_POSTGRES_BIN." >&2
}

# Prints the major version in a directory; fails if not all programs are there.
postgres_version() {
    local program version
    for program in initdb postgres pg_ctl; do
        [ -x "$1/$program" ] || return 1
    done
    version=$("$1/postgres" --version 2>/dev/null) || return 1
    version=${version##*) }
    printf '%s\n' "${version%%[!0-9]*}"
}

postgres_newest() {
    local found='' newest=$((POSTGRES_OLDEST - 1)) candidate version
    local -a candidates=()
    if candidate=$(command -v initdb); then
        candidates+=("$(dirname "$candidate")")
    fi
    # shellcheck disable=SC2206 # the patterns are meant to be expanded
    candidates+=($POSTGRES_SEARCH)
    for candidate in "${candidates[@]}"; do
        if version=$(postgres_version "$candidate") && ((version > newest)); then
            found=$candidate newest=$version
        fi
    done
    printf '%s' "$found"
}

# Installs Debian's packages if no password is needed. Debian would create and start a cluster with them. A file in
# createcluster.d, there only during the installation, prevents that.
postgres_install() {
    local -a as_root=()
    command -v apt-get >/dev/null || return 0
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 0
        as_root=(sudo -n)
    fi
    echo "Installing Postgres with apt-get: its server programs are not here."
    # shellcheck disable=SC2016 # expanded by the inner shell
    "${as_root[@]+"${as_root[@]}"}" bash -c '
        set -eu
        export DEBIAN_FRONTEND=noninteractive
        directory=/etc/postgresql-common/createcluster.d
        file=$directory/zz-no-main-cluster.conf
        trap "rm -f $file; rmdir --ignore-fail-on-non-empty $directory" EXIT
        mkdir -p "$directory"
        echo "create_main_cluster = false" >"$file"
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 postgresql >/dev/null
    ' </dev/null || echo "apt-get could not install Postgres." >&2
}

# Runs a command as the owner of the cluster: Postgres refuses to run as root.
postgres_as_owner() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u "$postgres_owner" -- "$@")
    else
        "$@"
    fi
}

# Makes the private directory where the owner of the cluster can reach it: TMPDIR may be in a closed home directory.
postgres_make_dir() {
    local parent
    for parent in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
        postgres_dir=$(mktemp -d "${parent%/}/chatrace-webhook.XXXXXX") || continue
        chmod 711 "$postgres_dir"
        if postgres_as_owner test -x "$postgres_dir"; then
            return 0
        fi
        rmdir "$postgres_dir"
        postgres_dir=
    done
    echo "No temporary directory that the user '$postgres_owner' can reach." >&2
    return 1
}

# Starts a cluster with default durability on a free port of 127.0.0.1. Everybody is trusted, except the role `locked`,
# whose password is `right`. The locale knows no letters but ASCII: nothing depends on it.
postgres_start() {
    local data log port attempt
    postgres_owner=$(id -un)
    if [ "$(id -u)" = 0 ]; then
        postgres_owner=postgres
        id -u "$postgres_owner" >/dev/null 2>&1 || postgres_owner=nobody
    fi
    postgres_make_dir
    postgres_watch
    data=$postgres_dir/data
    log=$postgres_dir/log
    mkdir -m 700 "$data"
    # For the tests: their leftovers are removed with the rest.
    mkdir -m 1777 "$postgres_dir/tmp"
    : >"$log"
    if [ "$(id -u)" = 0 ]; then
        chown "$postgres_owner" "$data" "$log"
    fi

    postgres_as_owner "$TEST_POSTGRES_BIN/initdb" --pgdata "$data" --username postgres --auth trust \
        --encoding UTF8 --locale C --no-sync >"$postgres_dir/initdb.log" 2>&1 ||
        { cat "$postgres_dir/initdb.log" >&2; return 1; }
    printf '%s\n' >>"$data/postgresql.conf" \
        "listen_addresses = '127.0.0.1'" \
        "unix_socket_directories = ''" \
        "max_connections = 300" \
        "password_encryption = 'scram-sha-256'"
    printf '%s\n' >"$data/pg_hba.conf" \
        "host  all  locked  127.0.0.1/32  scram-sha-256" \
        "host  all  all     127.0.0.1/32  trust"
    postgres_as_owner "$TEST_POSTGRES_BIN/postgres" --single -D "$data" postgres >>"$postgres_dir/initdb.log" 2>&1 \
        <<<"CREATE ROLE locked LOGIN PASSWORD 'right'" || { cat "$postgres_dir/initdb.log" >&2; return 1; }

    # Below the range from which the system picks ports for outgoing connections. If one is in use, try another.
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 12000))
        : >"$log"
        if postgres_as_owner "$TEST_POSTGRES_BIN/pg_ctl" start --silent --wait --timeout 60 --pgdata "$data" \
            --log "$log" --options "-p $port" </dev/null >/dev/null 2>&1; then
            export TEST_DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
            export TMPDIR="$postgres_dir/tmp"
            return 0
        fi
        grep -q 'could not bind' "$log" || break
    done
    echo "Postgres did not start (attempt $attempt):" >&2
    cat "$log" >&2
    return 1
}

# Ends every cluster below the private directory, including those that tests left running, and removes it.
postgres_stop() {
    local directory=$postgres_dir
    [ -n "$directory" ] || return 0
    postgres_dir=
    if [ -n "$postgres_watcher" ]; then
        kill "$postgres_watcher" 2>/dev/null || true
        postgres_watcher=
    fi
    postgres_remove "$directory"
}

postgres_remove() {
    local pidfile
    while IFS= read -r pidfile; do
        postgres_as_owner "$TEST_POSTGRES_BIN/pg_ctl" stop --silent --mode immediate --timeout 30 \
            --pgdata "$(dirname "$pidfile")" >/dev/null 2>&1 || true
    done < <(find "$1" -name postmaster.pid 2>/dev/null)
    # Once more, because a dying process may still have been writing.
    rm -rf "$1" || { sleep 1; rm -rf "$1"; }
}

# Waits for the end of this script, in a process group of its own, out of reach of the terminal's Ctrl-C. If the script
# was killed before it could clean up, ends the process group named in the file `job`, if any, and the cluster.
postgres_watch() {
    local parent=$$
    set -m
    (
        trap '' INT HUP QUIT
        while kill -0 "$parent" 2>/dev/null; do
            sleep 1
        done
        if [ -s "$postgres_dir/job" ]; then
            kill -TERM -- "-$(<"$postgres_dir/job")" || true
        fi
        postgres_remove "$postgres_dir"
    ) </dev/null >/dev/null 2>&1 &
    postgres_watcher=$!
    disown "$postgres_watcher"
    set +m
}
