
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'snapcli' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'snapcli'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'snapcli' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Run a script and save its session')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Restore a session, then start a prompt or run code with its variables')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show what is in a snapshot, or which variables of a script cannot be saved')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare two snapshots')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check a snapshot for damage, and list the variables that are intact')
            [CompletionResult]::new('trust', 'trust', [CompletionResultType]::ParameterValue, 'Sign a snapshot from someone else, so that `restore` loads it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Show which Python is used and why, and whether anything is missing')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of what a command prints with --json')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'snapcli;save' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'File to save to; `-` for standard output (the script''s own output then goes to standard error)')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'File to save to; `-` for standard output (the script''s own output then goes to standard error)')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write a JSON report of what was saved and what was left out; `-` is the same as --json')
            [CompletionResult]::new('--module', '--module', [CompletionResultType]::ParameterName, 'Save the namespace of this module instead of the script''s')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out variables whose names match: ''tmp_*'', or a list such as api_key,token (repeatable)')
            [CompletionResult]::new('--exclude-type', '--exclude-type', [CompletionResultType]::ParameterName, 'Leave out variables whose type matches, such as ''DataFrame'' or ''torch.*'' (repeatable)')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave out variables larger than SIZE, such as 500k, 20M or 2G')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Run a module, as `python -m` does')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run code, as `python -c` does')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 3 if a variable could not be saved, or if --verify finds that one has changed')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Before replacing FILE, load the new snapshot in a fresh process and compare the values')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print that report to standard output; the script''s own output then goes to standard error')
            [CompletionResult]::new('--no-ambient', '--no-ambient', [CompletionResultType]::ParameterName, 'Save variables only: not the state of random generators, environment variables, options, …')
            [CompletionResult]::new('--private', '--private', [CompletionResultType]::ParameterName, 'Save all names that begin with `_`, not only those used by saved functions and classes')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Leave out variables that look like credentials, judging by their names or string values')
            [CompletionResult]::new('--refimported', '--refimported', [CompletionResultType]::ParameterName, 'Save imported objects by reference, not by value')
            [CompletionResult]::new('--whole', '--whole', [CompletionResultType]::ParameterName, 'Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;restore' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Restore only variables that match, and what their code needs: ''model*'', or a list such as model,scores (repeatable)')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Restore only variables that match, and what their code needs: ''model*'', or a list such as model,scores (repeatable)')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out variables that match, even if others share objects with them (repeatable)')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write a JSON report of what was restored and what was not; `-` is the same as --json')
            [CompletionResult]::new('--map', '--map', [CompletionResultType]::ParameterName, 'Load module OLD as NEW (repeatable)')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run code; if it is an expression, print its value')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 3, before anything runs, if a variable cannot be restored')
            [CompletionResult]::new('--partial', '--partial', [CompletionResultType]::ParameterName, 'Restore the intact variables of a damaged file, and report the others')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print that report to standard output; what CODE or SCRIPT prints then goes to standard error')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Name all variables and imports, with --list, too, and not only the largest')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'List the variables without loading anything; imports are one line (see --all)')
            [CompletionResult]::new('--mmap', '--mmap', [CompletionResultType]::ParameterName, 'Memory-map arrays: restoring is instant, and pages load on first use')
            [CompletionResult]::new('--trust', '--trust', [CompletionResultType]::ParameterName, 'Load the file even if you did not save it; this can run arbitrary code')
            [CompletionResult]::new('--no-ambient', '--no-ambient', [CompletionResultType]::ParameterName, 'Leave the state of the interpreter and of libraries as it is: random generators, environment, options, …')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Start a prompt, even after CODE or SCRIPT')
            [CompletionResult]::new('--interactive', '--interactive', [CompletionResultType]::ParameterName, 'Start a prompt, even after CODE or SCRIPT')
            [CompletionResult]::new('--ipython', '--ipython', [CompletionResultType]::ParameterName, 'Start the prompt of IPython, which the Python must have')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;inspect' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Verdict that --strict accepts beside `plain` (repeatable; `calls` includes `code`)')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Show the objects pickled under the variable NAME, as a tree with sizes')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort the variables')
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'Write an HTML page with a map of the file and all details to OUT; `-` for standard output')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out variables whose names match: ''tmp_*'', or a list such as api_key,token (repeatable)')
            [CompletionResult]::new('--exclude-type', '--exclude-type', [CompletionResultType]::ParameterName, 'Leave out variables whose type matches, such as ''DataFrame'' or ''torch.*'' (repeatable)')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave out variables larger than SIZE, such as 500k, 20M or 2G')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Run a module, as `python -m` does')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run code, as `python -c` does')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON; short for --format json')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show each import, and every object at fault in a variable, not only the first few')
            [CompletionResult]::new('--bad', '--bad', [CompletionResultType]::ParameterName, 'Show only the variables that cannot be saved, and why')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 3 if a variable cannot be saved, or with 5 if loading the file would do more than build plain data')
            [CompletionResult]::new('--verdict', '--verdict', [CompletionResultType]::ParameterName, 'List everything that loading the file would import and call')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run the file as a script, whatever its name; otherwise only .py, .pyw, .pyc, .pyz and .ipynb files are run')
            [CompletionResult]::new('--private', '--private', [CompletionResultType]::ParameterName, 'Save all names that begin with `_`, not only those used by saved functions and classes')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Leave out variables that look like credentials, judging by their names or string values')
            [CompletionResult]::new('--refimported', '--refimported', [CompletionResultType]::ParameterName, 'Save imported objects by reference, not by value')
            [CompletionResult]::new('--whole', '--whole', [CompletionResultType]::ParameterName, 'Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;diff' {
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;verify' {
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;trust' {
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Sign without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Sign without asking')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;doctor' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'snapcli;completions' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'snapcli;schema' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;man' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print errors only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more detail: the chosen Python, and every name that was left out')
            [CompletionResult]::new('--no-progress', '--no-progress', [CompletionResultType]::ParameterName, 'Show no progress bars')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'snapcli;help' {
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Run a script and save its session')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Restore a session, then start a prompt or run code with its variables')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show what is in a snapshot, or which variables of a script cannot be saved')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare two snapshots')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check a snapshot for damage, and list the variables that are intact')
            [CompletionResult]::new('trust', 'trust', [CompletionResultType]::ParameterValue, 'Sign a snapshot from someone else, so that `restore` loads it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Show which Python is used and why, and whether anything is missing')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of what a command prints with --json')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'snapcli;help;save' {
            break
        }
        'snapcli;help;restore' {
            break
        }
        'snapcli;help;inspect' {
            break
        }
        'snapcli;help;diff' {
            break
        }
        'snapcli;help;verify' {
            break
        }
        'snapcli;help;trust' {
            break
        }
        'snapcli;help;doctor' {
            break
        }
        'snapcli;help;completions' {
            break
        }
        'snapcli;help;schema' {
            break
        }
        'snapcli;help;man' {
            break
        }
        'snapcli;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
