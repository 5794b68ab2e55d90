#!/bin/sh
# Points conda, mamba and pixi at the mirror http://mirror.invalid, beside what is configured already:
#   curl -fsS http://mirror.invalid/setup.sh | sh -s -- --dry-run    shows what it would change
#   curl -fsS http://mirror.invalid/setup.sh | sh                    does it, for this user
#   curl -fsS http://mirror.invalid/setup.sh | sh -s -- --undo       takes it back
# --system: for all users of this machine, below /etc. Nothing that exists is overwritten.
# Exit codes: 0 done, 1 failed, 2 usage, 3 done in part (it says what is left to do by hand).
set -eu

mirror='http://mirror.invalid'
mirrored='@CHANNELS@'
name=conda-lan-mirror
mark="# Written by the set-up of a conda mirror; its --undo removes this file. Checksum"
block_begin="# >>> $name >>>"
block_joined="# >>> $name, after a line that had no end >>>"
block_end="# <<< $name <<<"
result=0

condarc() {
    cat <<'CONDARC'
@CONDARC@
CONDARC
}

pixi_whole() {
    cat <<'PIXI'
@PIXI@
PIXI
}

pixi_mirrors() {
    cat <<'MIRRORS'
@MIRRORS@
MIRRORS
}

say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*"; }
partly() { printf 'LEFT TO DO: %s\n' "$*" >&2; result=3; }
fail() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }
usage() {
    printf '%s\n' "setup.sh: $1" "usage: setup.sh [--dry-run] [--undo] [--system]" >&2
    exit 2
}
shown() { sed "s/^/    $1 /"; }

# -- a file of our own ---------------------------------------------------------------------------

is_ours() { [ -f "$1" ] && head -n 1 "$1" | grep -qF "$mark"; }
sum() { cksum | tr '\t' ' '; }
is_untouched() { [ "$(head -n 1 "$1")" = "$mark $(tail -n +2 "$1" | sum)" ]; }

# Folders that do not exist yet, innermost first: --undo removes them again.
missing_folders() {
    folder=$1
    while [ ! -d "$folder" ]; do
        say "# made: $folder"
        folder=$(dirname "$folder")
    done
}

own_text() { # FILE BODY: what it shall hold
    body=$2
    if is_ours "$1"; then
        made=$(grep '^# made: ' "$1" || true)
    else
        made=$(missing_folders "$(dirname "$1")")
    fi
    [ -z "$made" ] || body="$body
$made"
    printf '%s %s\n%s\n' "$mark" "$(printf '%s\n' "$body" | sum)" "$body"
}

put_own() { # FILE BODY: make it, or bring it up to date
    text=$(own_text "$1" "$2")
    if [ -e "$1" ] || [ -L "$1" ]; then
        if ! is_ours "$1"; then
            partly "$1 is not of this set-up and stays as it is"
            return
        elif [ "$(cat "$1")" = "$text" ]; then
            say "$1 is up to date"
            return
        elif ! is_untouched "$1"; then
            partly "$1 was edited and stays as it is; remove it to have it made again"
            return
        fi
    fi
    say "$wrote $1:"
    printf '%s\n' "$text" | shown '+'
    [ -z "$dry" ] || return 0
    mkdir -p "$(dirname "$1")" || fail "can't make $(dirname "$1")"
    printf '%s\n' "$text" >"$1.$$" || fail "can't write $1.$$"
    mv "$1.$$" "$1" || fail "can't write $1"
}

remove_own() { # FILE
    if ! is_ours "$1"; then
        return 0
    fi
    made=$(sed -n 's/^# made: //p' "$1")
    if is_untouched "$1"; then
        say "$removed $1"
        [ -n "$dry" ] || rm -f "$1" || fail "can't remove $1"
    else
        say "$renamed $1, which was edited, to $1.edited"
        [ -n "$dry" ] || mv "$1" "$1.edited" || fail "can't rename $1"
    fi
    [ -n "$dry" ] || printf '%s\n' "$made" | while IFS= read -r folder; do
        [ -z "$folder" ] || rmdir "$folder" 2>/dev/null || true # it may hold other things by now
    done
}

# -- a marked block at the end of a file that the user has ---------------------------------------

has_block() { [ -f "$1" ] && grep -q "^# >>> $name" "$1"; }
is_whole_block() {
    [ "$(grep -c "^# >>> $name" "$1")" = 1 ] && [ "$(grep -cxF "$block_end" "$1")" = 1 ] &&
        [ "$(sed -n "/^# >>> $name/,\$p" "$1" | grep -cxF "$block_end")" = 1 ]
}

without_block() { # FILE: what it was before
    text=$(sed "/^# >>> $name/,/^$block_end\$/d" "$1"; printf .)
    text=${text%.}
    if grep -qxF "$block_joined" "$1"; then
        text=${text%?}
    fi
    printf '%s' "$text"
}

put_block() { # FILE BLOCK: append it, or bring it up to date
    block=$2
    if has_block "$1"; then
        is_whole_block "$1" || fail "the marks of $name in $1 are damaged; remove the block by hand"
        if [ "$(sed -n "/^# >>> $name/,/^$block_end\$/p" "$1" | sed '1d;$d')" = "$block" ]; then
            say "$1 is up to date"
            return
        fi
        remove_block "$1"
        [ -z "$dry" ] || { printf '%s\n' "$block" | shown '+'; return; }
    fi
    begin=$block_begin
    end_of_file=
    if [ -s "$1" ] && [ -n "$(tail -c 1 "$1")" ]; then
        begin=$block_joined
        end_of_file='
'
    fi
    text="$begin
$block
$block_end"
    say "$appended to $1, of which a copy stays in $1.before-$name:"
    printf '%s\n' "$text" | shown '+'
    [ -z "$dry" ] || return 0
    cp -p "$1" "$1.before-$name" || fail "can't copy $1"
    printf '%s%s\n' "$end_of_file" "$text" >>"$1" || fail "can't write $1"
}

remove_block() { # FILE
    has_block "$1" || return 0
    is_whole_block "$1" || fail "the marks of $name in $1 are damaged; remove the block by hand"
    say "$removed our lines from $1"
    [ -z "$dry" ] || return 0
    without_block "$1" >"$1.$$" || fail "can't write $1.$$"
    cat "$1.$$" >"$1" || fail "can't write $1; what it shall be is in $1.$$"
    rm -f "$1.$$" "$1.before-$name"
}

# -- what of the user's own stands against it ----------------------------------------------------

channels_in() { # FILE: the names in its list of channels
    awk '
        /^[^ \t#-]/ { inside = 0 }
        /^channels[ \t]*:/ { inside = 1; sub(/^channels[ \t]*:/, "") }
        inside { sub(/(^|[ \t])#.*/, ""); gsub(/[][,"\047]/, " "); sub(/^[ \t]*-[ \t]/, " "); print }
    ' "$1" | tr -s '[:blank:]' '\n' | sed '/^$/d'
}

is_mirrored() {
    case $1 in
        "$mirror"/*) return 0 ;;
        https://conda.anaconda.org/*) set -- "${1#https://conda.anaconda.org/}" ;;
    esac
    case " $mirrored " in
        *" $1 "*) return 0 ;;
    esac
    return 1
}

# The user's own lists of channels, in files that conda reads before and after ours.
own_channels() {
    set -- "${XDG_CONFIG_HOME:-$HOME/.config}/conda/.condarc" "$HOME/.conda/.condarc" \
        "$HOME/.conda/condarc" "$HOME/.condarc" "${CONDARC:-}"
    for file; do
        [ ! -f "$file" ] || channels_in "$file"
    done
}

look_around() {
    for channel in $1; do
        is_mirrored "$channel" || partly "your configuration names the channel '$channel', which this mirror does not have"
    done
    [ -z "$1" ] || note "your own list of channels stays as it is: $(printf '%s' "$1" | tr '\n' ' ')"
    for file in "$HOME/.condarc" "${CONDA_PREFIX:+$CONDA_PREFIX/.condarc}" "${CONDARC:-}" "$HOME/.mambarc"; do
        [ -f "$file" ] || continue
        ! grep -qF "$mirror" "$file" || continue # it points here already
        for key in channel_alias default_channels custom_channels custom_multichannels; do
            ! grep -q "^${key}[[:space:]]*:" "$file" ||
                partly "$file sets $key, which counts more than this mirror: remove it there if the mirror shall be used"
        done
    done
    for key in CONDA_CHANNELS CONDA_CHANNEL_ALIAS CONDA_DEFAULT_CHANNELS; do
        [ -z "$(printenv "$key" || true)" ] || partly "the environment sets $key, which counts more than this mirror"
    done
}

# ------------------------------------------------------------------------------------------------

set_up_conda() {
    own=
    [ -n "$system" ] || own=$(own_channels)
    if [ -n "$own" ]; then
        put_own "$conda_file" "$(condarc | grep -v '^channels:')"
    else
        put_own "$conda_file" "$(condarc)"
    fi
    [ -n "$system" ] || look_around "$own"
}

set_up_pixi() {
    if [ ! -e "$pixi_file" ] || is_ours "$pixi_file"; then
        put_own "$pixi_file" "$(pixi_whole)"
    elif ! has_block "$pixi_file" && grep -Eq '^[[:space:]]*(\[[[:space:]]*)?"?mirrors"?[[:space:]]*[].=]' "$pixi_file"; then
        partly "$pixi_file has mirrors of its own; these lines would go among them:"
        pixi_mirrors | shown ' ' >&2
    else
        put_block "$pixi_file" "$(pixi_mirrors)"
    fi
}

main() {
    dry='' undo='' system=''
    for argument; do
        case $argument in
            --dry-run) dry=yes ;;
            --undo) undo=yes ;;
            --system) system=yes ;;
            *) usage "'$argument' is no option" ;;
        esac
    done
    if [ -n "$system" ]; then
        conda_file=/etc/conda/condarc.d/$name.yml
        pixi_file=/etc/pixi/config.toml
    else
        [ -n "${HOME:-}" ] || usage "HOME is not set, so there is no place to write to; set it, or use --system"
        conda_file=$HOME/.conda/condarc.d/$name.yml
        pixi_file=${PIXI_HOME:-$HOME/.pixi}/config.toml
    fi
    wrote=wrote removed=removed renamed=renamed appended=appended
    [ -z "$dry" ] || wrote='would write' removed='would remove' renamed='would rename' appended='would append'
    again="curl -fsS $mirror/setup.sh | sh${system:+ -s -- --system}"
    back="curl -fsS $mirror/setup.sh | sh -s --${system:+ --system} --undo"
    if [ -n "$undo" ]; then
        if ! is_ours "$conda_file" && ! is_ours "$pixi_file" && ! has_block "$pixi_file"; then
            say "nothing of $mirror is configured here: nothing to undo"
            exit 0
        fi
        remove_own "$conda_file"
        remove_own "$pixi_file"
        remove_block "$pixi_file"
        exit "$result"
    fi
    set_up_conda
    set_up_pixi
    if [ -n "$dry" ]; then
        say "Nothing was changed. To do it: $again"
    else
        if [ "$result" = 0 ]; then
            say "conda, mamba and pixi use $mirror from now on. To undo: $back"
        else
            say "Done, but for what is named as left to do. To undo: $back"
        fi
        say "Try: @EXAMPLE@"
    fi
    exit "$result"
}

main "$@"
