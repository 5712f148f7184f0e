# Completion of snapcli in fish. `snapcli completions --install fish` puts this file where fish finds it.

function __snapcli_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $before[1])
    set -l typed (string unescape -- "$word"; or printf '%s' "$word")
    set -l answer (_SNAPCLI_COMPLETE=fish $program -- (count $before) $before "$typed" 2>/dev/null)
    switch "$answer[1]"
        case ':none'
            return
        case ':files' ''
            set -l prefix (string match -r -- '^--[^=]*=' "$word")
            for file in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$word"))
                printf '%s\n' "$prefix$file"
            end
        case '*'
            printf '%s\n' $answer
    end
end

complete --command snapcli --no-files --keep-order --arguments '(__snapcli_complete)'
