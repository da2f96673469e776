# shellcheck shell=bash
# Finds the programs that tests run: nginx, Caddy, promtool and PgBouncer. Source it with `set -euo pipefail`.
#
#   programs_find            sets and exports TEST_NGINX and so on, the paths of those that are there
#   programs_find install    the same, and fetches Debian's packages of those that are missing
#
# The packages are unpacked below target/ and not installed: installing them would start their services. A variable
# that is set already decides instead. With CI set in the environment, a program that is missing is a failure.

# The program, and the Debian package that has it.
PROGRAMS=(nginx:nginx caddy:caddy promtool:prometheus pgbouncer:pgbouncer)

programs_find() {
    local entry name package variable found
    local -a missing=()
    for entry in "${PROGRAMS[@]}"; do
        name=${entry%:*} package=${entry#*:}
        variable=TEST_${name^^}
        found=${!variable:-$(programs_path "$name")}
        if [ -z "$found" ] && [ "${1:-}" = install ] && programs_fetch "$package"; then
            found=$(programs_path "$name")
        fi
        if [ -n "$found" ]; then
            export "$variable=$found"
        else
            unset "$variable"
            missing+=("$package")
        fi
    done
    ((${#missing[@]} > 0)) || return 0
    echo "Tests are left out that need: ${missing[*]} (Debian: apt install ${missing[*]})." >&2
    [ -z "${CI:-}" ] || { echo "CI is set: there nothing is left out." >&2; return 1; }
}

# Prints the path of a program that works.
programs_path() {
    local directory argument=--version
    [ "$1" = nginx ] && argument=-v
    [ "$1" = caddy ] && argument=version
    for directory in ${PATH//:/ } /usr/sbin "$PWD"/target/programs/usr/{bin,sbin}; do
        if [ -x "$directory/$1" ] && "$directory/$1" "$argument" >/dev/null 2>&1; then
            printf '%s' "$directory/$1"
            return
        fi
    done
}

# Fetches a package and unpacks it below target/.
programs_fetch() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    local directory=$PWD/target/programs
    mkdir -p "$directory/packages"
    echo "Fetching the package '$1' with apt-get, for the tests: it is not here."
    (
        cd "$directory/packages"
        # The list of packages may be missing or too old.
        apt-get download -qq "$1" 2>/dev/null ||
            { apt-get update -qq && apt-get download -qq "$1"; } ||
            { sudo -n apt-get update -qq && apt-get download -qq "$1"; }
    ) </dev/null >/dev/null 2>&1 || { echo "apt-get could not fetch '$1'." >&2; return 1; }
    dpkg-deb --extract "$directory/packages/$1"_*.deb "$directory"
}
