# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_snapcli_global_optspecs
    string join \n q/quiet v/verbose no-progress python= color= h/help V/version
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

complete -c snapcli -n "__fish_snapcli_needs_command" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_needs_command" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_needs_command" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_needs_command" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_needs_command" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_needs_command" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_needs_command" -s V -l version -d 'Print version'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "save" -d 'Run a script and save its session'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "restore" -d 'Restore a session, then start a prompt or run code with its variables'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "inspect" -d 'Show what is in a snapshot, or which variables of a script cannot be saved'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "diff" -d 'Compare two snapshots'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "verify" -d 'Check a snapshot for damage, and list the variables that are intact'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "trust" -d 'Sign a snapshot from someone else, so that `restore` loads it'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "doctor" -d 'Show which Python is used and why, and whether anything is missing'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "schema" -d 'Print the JSON Schema of what a command prints with --json'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "man" -d 'Print a manual page'
complete -c snapcli -n "__fish_snapcli_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s o -l output -d 'File to save to; `-` for standard output (the script\'s own output then goes to standard error)' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l report -d 'Write a JSON report of what was saved and what was left out; `-` is the same as --json' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l module -d 'Save the namespace of this module instead of the script\'s' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l include -l only -d 'Save only variables whose names match: \'model*\', or a list such as model,scores (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l exclude -d 'Leave out variables whose names match: \'tmp_*\', or a list such as api_key,token (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l exclude-type -d 'Leave out variables whose type matches, such as \'DataFrame\' or \'torch.*\' (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l max-size -d 'Leave out variables larger than SIZE, such as 500k, 20M or 2G' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s m -d 'Run a module, as `python -m` does' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s c -d 'Run code, as `python -c` does' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l strict -d 'Exit with 3 if a variable could not be saved, or if --verify finds that one has changed'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l verify -d 'Before replacing FILE, load the new snapshot in a fresh process and compare the values'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l json -d 'Print that report to standard output; the script\'s own output then goes to standard error'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l no-ambient -d 'Save variables only: not the state of random generators, environment variables, options, …'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l private -d 'Save all names that begin with `_`, not only those used by saved functions and classes'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l redact -d 'Leave out variables that look like credentials, judging by their names or string values'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l refimported -d 'Save imported objects by reference, not by value'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l whole -d 'Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand save" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l only -l include -d 'Restore only variables that match, and what their code needs: \'model*\', or a list such as model,scores (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l exclude -d 'Leave out variables that match, even if others share objects with them (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l report -d 'Write a JSON report of what was restored and what was not; `-` is the same as --json' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l map -d 'Load module OLD as NEW (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l max-memory -d 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s c -d 'Run code; if it is an expression, print its value' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l strict -d 'Exit with 3, before anything runs, if a variable cannot be restored'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l partial -d 'Restore the intact variables of a damaged file, and report the others'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l json -d 'Print that report to standard output; what CODE or SCRIPT prints then goes to standard error'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l all -d 'Name all variables and imports, with --list, too, and not only the largest'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l list -d 'List the variables without loading anything; imports are one line (see --all)'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l mmap -d 'Memory-map arrays: restoring is instant, and pages load on first use'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l trust -d 'Load the file even if you did not save it; this can run arbitrary code'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l no-ambient -d 'Leave the state of the interpreter and of libraries as it is: random generators, environment, options, …'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s i -l interactive -d 'Start a prompt, even after CODE or SCRIPT'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l ipython -d 'Start the prompt of IPython, which the Python must have'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l format -d 'Output format' -r -f -a "text\t'A table for people'
json\t'JSON for programs'
github\t'Annotations for GitHub Actions'"
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l allow -d 'Verdict that --strict accepts beside `plain` (repeatable; `calls` includes `code`)' -r -f -a "code\t'Files that rebuild functions and classes: these run when they are used, and some of their methods during the load'
calls\t'The same, and files that call functions of libraries that are not known to be harmless'"
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l trace -d 'Show the objects pickled under the variable NAME, as a tree with sizes' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l sort -d 'Sort the variables' -r -f -a "order\t'The order in which the script defined them'
name\t'Alphabetically by name'
size\t'Largest first'"
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l html -d 'Write an HTML page with a map of the file and all details to OUT; `-` for standard output' -r -F
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l max-memory -d 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l include -l only -d 'Save only variables whose names match: \'model*\', or a list such as model,scores (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l exclude -d 'Leave out variables whose names match: \'tmp_*\', or a list such as api_key,token (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l exclude-type -d 'Leave out variables whose type matches, such as \'DataFrame\' or \'torch.*\' (repeatable)' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l max-size -d 'Leave out variables larger than SIZE, such as 500k, 20M or 2G' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s m -d 'Run a module, as `python -m` does' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s c -d 'Run code, as `python -c` does' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l json -d 'Print JSON; short for --format json'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l all -d 'Show each import, and every object at fault in a variable, not only the first few'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l bad -d 'Show only the variables that cannot be saved, and why'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l strict -d 'Exit with 3 if a variable cannot be saved, or with 5 if loading the file would do more than build plain data'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l verdict -d 'List everything that loading the file would import and call'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l script -d 'Run the file as a script, whatever its name; otherwise only .py, .pyw, .pyc, .pyz and .ipynb files are run'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l private -d 'Save all names that begin with `_`, not only those used by saved functions and classes'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l redact -d 'Leave out variables that look like credentials, judging by their names or string values'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l refimported -d 'Save imported objects by reference, not by value'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l whole -d 'Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l max-memory -d 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l max-memory -d 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -l max-memory -d 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s y -l yes -d 'Sign without asking'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand trust" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -l json -d 'Print JSON'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand completions" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_using_subcommand schema" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand schema" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand schema" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand schema" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand schema" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c snapcli -n "__fish_snapcli_using_subcommand man" -l python -d 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]' -r
complete -c snapcli -n "__fish_snapcli_using_subcommand man" -l color -d 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set' -r -f -a "auto\t'In a terminal; CLICOLOR_FORCE=1 means everywhere, NO_COLOR=1 nowhere'
always\t'Everywhere'
never\t'Nowhere'"
complete -c snapcli -n "__fish_snapcli_using_subcommand man" -s q -l quiet -d 'Print errors only'
complete -c snapcli -n "__fish_snapcli_using_subcommand man" -s v -l verbose -d 'Print more detail: the chosen Python, and every name that was left out'
complete -c snapcli -n "__fish_snapcli_using_subcommand man" -l no-progress -d 'Show no progress bars'
complete -c snapcli -n "__fish_snapcli_using_subcommand man" -s h -l help -d 'Print help'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "save" -d 'Run a script and save its session'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "restore" -d 'Restore a session, then start a prompt or run code with its variables'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "inspect" -d 'Show what is in a snapshot, or which variables of a script cannot be saved'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "diff" -d 'Compare two snapshots'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "verify" -d 'Check a snapshot for damage, and list the variables that are intact'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "trust" -d 'Sign a snapshot from someone else, so that `restore` loads it'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "doctor" -d 'Show which Python is used and why, and whether anything is missing'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "schema" -d 'Print the JSON Schema of what a command prints with --json'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "man" -d 'Print a manual page'
complete -c snapcli -n "__fish_snapcli_using_subcommand help; and not __fish_seen_subcommand_from save restore inspect diff verify trust doctor completions schema man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
