# shellcheck shell=bash
# Finds what the examples of handlers need, for the test that runs them: Node.js and Python 3, and the package
# standardwebhooks of each. Beside it is axe-core, which looks for what keeps people with disabilities out of the page.
# Sets TEST_HANDLERS to a directory that holds the packages.

HANDLERS_VERSION=2

# handlers_find [install]: with `install`, missing packages are fetched into target/.
handlers_find() {
    local directory=target/handlers-$HANDLERS_VERSION
    if [ ! -e "$directory/complete" ] && [ "${1:-}" = install ]; then
        handlers_install "$directory" || true
    fi
    if [ -e "$directory/complete" ]; then
        TEST_HANDLERS=$PWD/$directory
        export TEST_HANDLERS
    elif [ -n "${CI:-}" ] && [ "${1:-}" = install ]; then
        echo "scripts/test needs Node.js with npm, Python 3 with venv, and their registries, for examples/handlers." >&2
        exit 1
    fi
}

handlers_install() {
    local directory=$1
    if ! command -v npm >/dev/null || ! python3 -m venv --help >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get install -y --no-install-recommends npm python3-venv >/dev/null 2>&1 || return 1
        fi
    fi
    rm -rf "$directory"
    mkdir -p "$directory"
    npm install --silent --prefix "$directory" standardwebhooks@1 axe-core@4 >/dev/null || return 1
    python3 -m venv "$directory/venv" || return 1
    "$directory/venv/bin/pip" install --quiet 'standardwebhooks>=1,<2' || return 1
    touch "$directory/complete"
}
