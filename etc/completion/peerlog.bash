# SPDX-License-Identifier: MIT
# bash completion for peerlog(1)

_peerlog()
{
    local current=$2 previous=$3
    local words="-n -P -4 -6 -f -e -S -p -t -i -s -w -q -v -h -V
        --server --port --tls --tls-ca --tls-cert --tls-key --tls-name --tls-insecure
        --file --skip-empty --size --priority --prio-prefix --tag --id
        --rfc3164 --rfc5424 --msgid --sd-id --sd-param --framing --octet-count --relp
        --window --ack --timeout --retry --progress --stderr --no-act --quiet --verbose --help
        --version"
    local levels="emerg alert crit err warning notice info debug"
    local facilities="kern user mail daemon auth syslog lpr news uucp cron authpriv ftp
        local0 local1 local2 local3 local4 local5 local6 local7"
    local facility

    COMPREPLY=()
    # "--framing=nul" comes as three words.
    if [[ $current == "=" ]]; then
        current=
    elif [[ $previous == "=" && $COMP_CWORD -ge 2 ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $previous in
    -n | --server | --tls-name)
        COMPREPLY=($(compgen -A hostname -- "$current"))
        return ;;
    -f | --file | --tls-ca | --tls-cert | --tls-key)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$current"))
        return ;;
    -p | --priority)
        if [[ $current == *.* ]]; then
            facility=${current%%.*}
            COMPREPLY=($(compgen -P "$facility." -W "$levels" -- "${current#*.}"))
        else
            compopt -o nospace 2>/dev/null
            COMPREPLY=($(compgen -S . -W "$facilities" -- "$current"))
        fi
        return ;;
    --framing)
        COMPREPLY=($(compgen -W "lf nul octet-counting" -- "$current"))
        return ;;
    --progress | --rfc5424)
        if [[ ${COMP_WORDS[COMP_CWORD - 1]} == "=" || $2 == "=" ]]; then
            [[ $previous == --rfc5424 ]] && words="notq notime nohost" || words="auto always never"
            COMPREPLY=($(compgen -W "$words" -- "$current"))
            return
        fi ;;
    -P | --port | -S | --size | -t | --tag | --msgid | --sd-id | --sd-param | --window | -w | \
        --timeout | --retry)
        return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    fi
}

complete -F _peerlog peerlog
