
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
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Run a script and save the session it leaves')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Bring a session back: in Python''s prompt, for one piece of code, or under another script')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Tell what is in a snapshot, or what in a script''s session cannot be saved')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Tell what changed between two snapshots')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that a file is what was saved, and tell which variables are whole')
            [CompletionResult]::new('trust', 'trust', [CompletionResultType]::ParameterValue, 'Sign a snapshot that somebody else saved, so that restore loads it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell which Python is used and why, and whether all that is needed is there')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'snapcli;save' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to save; `-` is standard output (the script''s own output then goes to standard error)')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where to save; `-` is standard output (the script''s own output then goes to standard error)')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write what was saved and what was left out to FILE, as JSON')
            [CompletionResult]::new('--module', '--module', [CompletionResultType]::ParameterName, 'Save the namespace of this module instead of the script''s')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Keep only names that match (may be given more than once)')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out names that match')
            [CompletionResult]::new('--exclude-type', '--exclude-type', [CompletionResultType]::ParameterName, 'Leave out values of types that match: ''DataFrame'', ''torch.*''')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave out variables that take more than this: 500k, 20M, 2G')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Run a module, as `python -m`')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run this code, as `python -c`')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 3 when something could not be saved, or comes back different')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Load the file in a fresh process before it is put in place, and compare what comes back')
            [CompletionResult]::new('--private', '--private', [CompletionResultType]::ParameterName, 'Keep all names that begin with `_`, not only those that kept functions use')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Leave out variables that look like credentials: by their names, or by their texts')
            [CompletionResult]::new('--refimported', '--refimported', [CompletionResultType]::ParameterName, 'Keep imported data by reference, not by value')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;restore' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Bring back only variables that match, and what their code needs (may be given more than once)')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out variables that match, also where others share objects with them')
            [CompletionResult]::new('--map', '--map', [CompletionResultType]::ParameterName, 'A module is called otherwise now (may be given more than once)')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run this code; an expression''s value is printed')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 3 before anything runs when a variable does not come back')
            [CompletionResult]::new('--partial', '--partial', [CompletionResultType]::ParameterName, 'Bring back what is whole of a damaged file, and name what is not')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Name the variables, and load nothing')
            [CompletionResult]::new('--mmap', '--mmap', [CompletionResultType]::ParameterName, 'Map arrays instead of reading them: nothing of them is read before it is used, and what is written to them stays in this process')
            [CompletionResult]::new('--trust', '--trust', [CompletionResultType]::ParameterName, 'Load the file whoever saved it, with all that it runs')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Go on into the prompt, also after CODE or SCRIPT')
            [CompletionResult]::new('--interactive', '--interactive', [CompletionResultType]::ParameterName, 'Go on into the prompt, also after CODE or SCRIPT')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;inspect' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the answer: `github` writes annotations for GitHub Actions')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Show what is pickled under a variable, as a tree with sizes')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'What comes first')
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'Write a page for a browser to OUT, with a map of where the bytes are and all that is known; `-` is standard output')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Keep only names that match (may be given more than once)')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out names that match')
            [CompletionResult]::new('--exclude-type', '--exclude-type', [CompletionResultType]::ParameterName, 'Leave out values of types that match: ''DataFrame'', ''torch.*''')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave out variables that take more than this: 500k, 20M, 2G')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Run a module, as `python -m`')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Run this code, as `python -c`')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON instead of a table')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Name every object at fault in a variable, not only the first few')
            [CompletionResult]::new('--bad', '--bad', [CompletionResultType]::ParameterName, 'Only what was left out, and why')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 3 when something cannot be saved, or was left out because it failed; with 5 when loading the file is dangerous')
            [CompletionResult]::new('--verdict', '--verdict', [CompletionResultType]::ParameterName, 'Tell all that loading the file would import and call')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run it, whatever its name: without this, only what ends in .py, .pyw, .pyc or .pyz is run')
            [CompletionResult]::new('--private', '--private', [CompletionResultType]::ParameterName, 'Keep all names that begin with `_`, not only those that kept functions use')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Leave out variables that look like credentials: by their names, or by their texts')
            [CompletionResult]::new('--refimported', '--refimported', [CompletionResultType]::ParameterName, 'Keep imported data by reference, not by value')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;diff' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;verify' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;trust' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Sign without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Sign without asking')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'snapcli;doctor' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'snapcli;completions' {
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: which Python was chosen, what each step took')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'snapcli;help' {
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Run a script and save the session it leaves')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Bring a session back: in Python''s prompt, for one piece of code, or under another script')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Tell what is in a snapshot, or what in a script''s session cannot be saved')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Tell what changed between two snapshots')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that a file is what was saved, and tell which variables are whole')
            [CompletionResult]::new('trust', 'trust', [CompletionResultType]::ParameterValue, 'Sign a snapshot that somebody else saved, so that restore loads it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell which Python is used and why, and whether all that is needed is there')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
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
        'snapcli;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
