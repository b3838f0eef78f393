# bash completion for ws4d. tests/tool compares the options with those of --help.
_ws4d() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=
    [ "$COMP_CWORD" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}
    # bash makes three words of --format=pretty.
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    case $prev in
        --ca | --crl | --cert | --key | --key-log | --file | -f | --record | --replay | --unix)
            compopt -o filenames 2> /dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'auto raw pretty json' -- "$cur"); return ;;
        --color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return ;;
        --tls-min) mapfile -t COMPREPLY < <(compgen -W '1.2 1.3' -- "$cur"); return ;;
        --wait | -w) mapfile -t COMPREPLY < <(compgen -W 'forever' -- "$cur"); return ;;
        --bench)
            if [[ ${COMP_WORDS[COMP_CWORD]} == = || ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
                mapfile -t COMPREPLY < <(compgen -W 'all echo ping throughput connect' -- "$cur")
                return
            fi
            ;;
        --header | -H | --cookie | --origin | --subprotocol | -p | --user | -u | --bearer | --redirects | --proxy | \
            --proxy-header | --resolve | --connect-to | --bind | --timeout | -t | --key-password | --pin | --server-name | \
            --send | -s | --count | -c | --max-time | --close-code | --close-reason | --ping | --ping-timeout | \
            --idle-timeout | --close-timeout | --max-size | --compression | --max-attempts | --max-delay | --speed | \
            --duration | --size | --connections | --window)
            return
            ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--header -H --cookie --origin --subprotocol -p --user -u --bearer --redirects
            --proxy --proxy-header --unix --resolve --connect-to --bind --timeout -t --ca --no-system-trust --crl --cert --key
            --key-password --pin --server-name --tls-min --insecure -k --key-log --send -s --file -f --binary -b --json -j
            --null -0 --no-input -n --wait -w --count -c --max-time --close-code --close-reason --ping --ping-timeout
            --idle-timeout --close-timeout --max-size --compression --no-compression --reconnect -r --max-attempts --max-delay
            --format --color --quiet -q --verbose -v --summary --no-summary --record --replay --speed --bench --duration
            --size --connections --window --help -h --version -V' -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W 'ws:// wss://' -- "$cur")
        compopt -o nospace 2> /dev/null
    fi
}
complete -F _ws4d ws4d
