# SPDX-License-Identifier: MIT
# bash completion for peerlogctl(1)

_peerlogctl()
{
    local current=$2 previous=$3

    COMPREPLY=()
    case $previous in
    -s | --socket)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$current"))
        return ;;
    -o | --output)
        COMPREPLY=($(compgen -W "table json" -- "$current"))
        return ;;
    -S | --sort)
        COMPREPLY=($(compgen -W "rate bytes idle waiting" -- "$current"))
        return ;;
    -p | --peer | -l | --listener | -n | --limit | kill | trace)
        return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "-s -o -p -l -S -n -f -h -V --socket --output --peer --listener \
            --sort --limit --now --help --version" -- "$current"))
    else
        COMPREPLY=($(compgen -W "status connections top trace kill reload reopen settings metrics" \
            -- "$current"))
    fi
}

complete -F _peerlogctl peerlogctl
