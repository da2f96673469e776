# shellcheck shell=bash
# Finds a browser for the tests of the operator's page, and its driver. Source it in scripts with `set -euo pipefail`.
#
#   browser_find            sets and exports TEST_CHROMEDRIVER and TEST_CHROMIUM, the paths of the two programs
#   browser_find install    the same, and installs them with apt-get if they are missing and no password is needed
#
# Without a browser, it says that the tests in one are left out, and sets neither variable. With CI set in the
# environment that is a failure. It never touches a browser that a developer uses: the tests start one of their own,
# with a profile of its own.

# Names in PATH, and other places where packages put the programs.
BROWSER_NAMES=(chromium chromium-browser google-chrome google-chrome-stable /usr/lib/chromium/chromium
    /opt/google/chrome/chrome "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
BROWSER_DRIVERS=(chromedriver /usr/lib/chromium/chromedriver /usr/lib/chromium-browser/chromedriver)

# TEST_CHROMEDRIVER and TEST_CHROMIUM, if both are set, decide instead.
browser_find() {
    if browser_pair || { [ "${1:-}" = install ] && browser_install && browser_pair; }; then
        export TEST_CHROMEDRIVER TEST_CHROMIUM
        return 0
    fi
    unset TEST_CHROMEDRIVER TEST_CHROMIUM
    echo "The tests of the page in a browser are left out. They need Chromium or Chrome, and chromedriver of the same" \
        "version: install the packages 'chromium' and 'chromium-driver' (Debian: apt install chromium chromium-driver)" \
        "or 'chromium' and 'chromedriver' (Fedora: dnf install chromium chromedriver), or name the programs in" \
        "TEST_CHROMIUM and TEST_CHROMEDRIVER." >&2
    [ -z "${CI:-}" ] || { echo "CI is set: there nothing is left out." >&2; return 1; }
}

# Finds a browser and a driver of the same major version: others do not work together.
browser_pair() {
    local driver browser version
    if [ -n "${TEST_CHROMEDRIVER:-}" ] && [ -n "${TEST_CHROMIUM:-}" ]; then
        return 0
    fi
    for driver in "${BROWSER_DRIVERS[@]}"; do
        driver=$(command -v "$driver") || continue
        version=$(browser_version "$driver") || continue
        for browser in "${BROWSER_NAMES[@]}"; do
            browser=$(command -v "$browser") || continue
            if [ "$(browser_version "$browser")" = "$version" ]; then
                TEST_CHROMEDRIVER=$driver TEST_CHROMIUM=$browser
                return 0
            fi
        done
    done
    return 1
}

# Prints the major version of a program that works. Some distributions install one that only says where to get it.
browser_version() {
    local said
    said=$("$1" --version 2>/dev/null) && [[ $said =~ [0-9]+ ]] && printf '%s' "${BASH_REMATCH[0]}"
}

# Installs Debian's packages.
browser_install() {
    local -a install=(apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300)
    install+=(chromium chromium-driver)
    local -a as_root=(env DEBIAN_FRONTEND=noninteractive)
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n "${as_root[@]}")
    fi
    echo "Installing Chromium with apt-get, for the tests of the page: it is not here."
    # Fetch the lists of packages only if they are missing or too old.
    "${as_root[@]}" "${install[@]}" </dev/null >/dev/null 2>&1 ||
        { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" "${install[@]}"; } </dev/null >/dev/null ||
        { echo "apt-get could not install Chromium." >&2; return 1; }
}
