# Completion of snapcli in bash. `snapcli completions --install bash` puts this file where bash finds it.

_snapcli() {
    local line program=${1/#\~/$HOME}
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_SNAPCLI_COMPLETE=bash "$program" -- \
        "${COMP_LINE:0:$COMP_POINT}" "${COMP_LINE:$COMP_POINT}" "$COMP_WORDBREAKS" 2> /dev/null)
    case ${COMPREPLY[0]-} in
        # Without an answer, bash completes the names of files.
        :files) COMPREPLY=() ;;
        :none)
            COMPREPLY=()
            compopt +o default +o bashdefault 2> /dev/null
            ;;
    esac
}

# Old versions of bash cannot keep the order.
complete -o bashdefault -o default -o nosort -F _snapcli snapcli 2> /dev/null ||
    complete -o bashdefault -o default -F _snapcli snapcli
