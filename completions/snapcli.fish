# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_snapcli_global_optspecs
    string join \n q/quiet v/verbose python= h/help V/version
end

function __fish_snapcli_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_snapcli_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_snapcli_using_subcommand
    set -l cmd (__fish_snapcli_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c snapcli -n "__fish_snapcli_needs_command" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_needs_command" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_needs_command" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_needs_command" -s V -l version -d 'Print version'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "save" -d 'Run a script and save the session it leaves'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "restore" -d 'Bring a session back: in Python\'s prompt, for one piece of code, or under another script'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "inspect" -d 'Tell what is in a snapshot, or what in a script\'s session cannot be saved'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "diff" -d 'Tell what changed between two snapshots'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "verify" -d 'Check that a file is what was saved, and tell which variables are whole'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "trust" -d 'Sign a snapshot that somebody else saved, so that restore loads it'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "doctor" -d 'Tell which Python is used and why, and whether all that is needed is there'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s o -l output -d 'Where to save; `-` is standard output (the script\'s own output then goes to standard error)' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l report -d 'Write what was saved and what was left out to FILE, as JSON' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l module -d 'Save the namespace of this module instead of the script\'s' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l include -d 'Keep only names that match (may be given more than once)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l exclude -d 'Leave out names that match' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l exclude-type -d 'Leave out values of types that match: \'DataFrame\', \'torch.*\'' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l max-size -d 'Leave out variables that take more than this: 500k, 20M, 2G' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s m -d 'Run a module, as `python -m`' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s c -d 'Run this code, as `python -c`' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l strict -d 'Exit with 3 when something could not be saved, or comes back different'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l verify -d 'Load the file in a fresh process before it is put in place, and compare what comes back'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l private -d 'Keep all names that begin with `_`, not only those that kept functions use'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l redact -d 'Leave out variables that look like credentials: by their names, or by their texts'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l refimported -d 'Keep imported data by reference, not by value'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l only -d 'Bring back only variables that match, and what their code needs (may be given more than once)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l exclude -d 'Leave out variables that match, also where others share objects with them' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l map -d 'A module is called otherwise now (may be given more than once)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s c -d 'Run this code; an expression\'s value is printed' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l strict -d 'Exit with 3 before anything runs when a variable does not come back'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l partial -d 'Bring back what is whole of a damaged file, and name what is not'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l list -d 'Name the variables, and load nothing'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l mmap -d 'Map arrays instead of reading them: nothing of them is read before it is used, and what is written to them stays in this process'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l trust -d 'Load the file whoever saved it, with all that it runs'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s i -l interactive -d 'Go on into the prompt, also after CODE or SCRIPT'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l format -d 'The form of the answer: `github` writes annotations for GitHub Actions' -r -f -a "text\t''
json\t''
github\t''"
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l trace -d 'Show what is pickled under a variable, as a tree with sizes' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l sort -d 'What comes first' -r -f -a "order\t'What the script made first'
name\t'By name'
size\t'The largest'"
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l html -d 'Write a page for a browser to OUT, with a map of where the bytes are and all that is known; `-` is standard output' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l include -d 'Keep only names that match (may be given more than once)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l exclude -d 'Leave out names that match' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l exclude-type -d 'Leave out values of types that match: \'DataFrame\', \'torch.*\'' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l max-size -d 'Leave out variables that take more than this: 500k, 20M, 2G' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s m -d 'Run a module, as `python -m`' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s c -d 'Run this code, as `python -c`' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l json -d 'Print JSON instead of a table'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l all -d 'Name every object at fault in a variable, not only the first few'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l bad -d 'Only what was left out, and why'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l strict -d 'Exit with 3 when something cannot be saved, or was left out because it failed; with 5 when loading the file is dangerous'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l verdict -d 'Tell all that loading the file would import and call'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l script -d 'Run it, whatever its name: without this, only what ends in .py, .pyw, .pyc or .pyz is run'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l private -d 'Keep all names that begin with `_`, not only those that kept functions use'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l redact -d 'Leave out variables that look like credentials: by their names, or by their texts'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l refimported -d 'Keep imported data by reference, not by value'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s y -l yes -d 'Sign without asking'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -l python -d 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment\'s folder [default: as `snapcli doctor` shows]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -s q -l quiet -d 'Say nothing but errors'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -s v -l verbose -d 'Say more: which Python was chosen, what each step took'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "save" -d 'Run a script and save the session it leaves'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "restore" -d 'Bring a session back: in Python\'s prompt, for one piece of code, or under another script'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "inspect" -d 'Tell what is in a snapshot, or what in a script\'s session cannot be saved'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "diff" -d 'Tell what changed between two snapshots'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "verify" -d 'Check that a file is what was saved, and tell which variables are whole'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "trust" -d 'Sign a snapshot that somebody else saved, so that restore loads it'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "doctor" -d 'Tell which Python is used and why, and whether all that is needed is there'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "completions" -d 'Print the completions of a shell'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
