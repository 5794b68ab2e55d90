# shellcheck shell=sh
# Sourced by the scripts beside it: finds the Debian archive that this machine's own apt uses, so
# that no host is written down anywhere, and talks to one suite of it without touching the machine's
# own apt state.

# The archive's address, as this machine's own release is configured (and not its security archive).
debian_archive() {
    # shellcheck disable=SC2016 # $(...) is apt's own placeholder
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
        head -n 1
}

# apt_suite SUITE COMMAND...: an apt command that sees this one suite and nothing else. Its settings
# (certificates, proxies, Check-Valid-Until) are the machine's own.
apt_suite() {
    _suite=$1
    shift
    _dir=$HOME/.cache/conda-lan-mirror/apt/$_suite
    if [ ! -s "$_dir/sources.list" ]; then
        _archive=$(debian_archive)
        [ -n "$_archive" ] || { echo "no Debian archive in apt's sources (apt-get update?)" >&2; return 1; }
        mkdir -p "$_dir/lists/partial" "$_dir/empty"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $_archive $_suite main" \
            >"$_dir/sources.list"
    fi
    _tool=$1
    shift
    "$_tool" -q -o "Dir::Etc::sourcelist=$_dir/sources.list" -o "Dir::Etc::sourceparts=$_dir/empty" \
        -o "Dir::State::lists=$_dir/lists" -o APT::Sandbox::User=root "$@"
}

# deb_file SUITE PACKAGE PATH DESTINATION: takes one file out of a package; installs nothing.
deb_file() {
    _work=$(mktemp -d)
    if [ -z "$(ls "$HOME/.cache/conda-lan-mirror/apt/$1/lists/"*Packages* 2>/dev/null)" ]; then
        apt_suite "$1" apt-get update >/dev/null || return 1
    fi
    (cd "$_work" && apt_suite "$1" apt-get download "$2" >/dev/null && dpkg-deb -x ./*.deb root) || return 1
    install -D -m 755 "$_work/root/$3" "$4"
    rm -rf "$_work"
}
