# SPDX-License-Identifier: MIT
# bash completion for peerlogd(8)

_peerlogd()
{
    local current=$2 previous=$3

    COMPREPLY=()
    case $previous in
    -c | --config)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$current"))
        return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "-c -t -r -h -V --config --check --reload --help \
            --version" -- "$current"))
    fi
}

complete -F _peerlogd peerlogd
