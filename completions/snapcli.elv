
use builtin;
use str;

set edit:completion:arg-completer[snapcli] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'snapcli'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'snapcli'= {
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand save 'Run a script and save its session'
            cand restore 'Restore a session, then start a prompt or run code with its variables'
            cand inspect 'Show what is in a snapshot, or which variables of a script cannot be saved'
            cand diff 'Compare two snapshots'
            cand verify 'Check a snapshot for damage, and list the variables that are intact'
            cand trust 'Sign a snapshot from someone else, so that `restore` loads it'
            cand doctor 'Show which Python is used and why, and whether anything is missing'
            cand completions 'Print the completion script for a shell'
            cand schema 'Print the JSON Schema of what a command prints with --json'
            cand man 'Print a manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'snapcli;save'= {
            cand -o 'File to save to; `-` for standard output (the script''s own output then goes to standard error)'
            cand --output 'File to save to; `-` for standard output (the script''s own output then goes to standard error)'
            cand --report 'Write a JSON report of what was saved and what was left out; `-` is the same as --json'
            cand --module 'Save the namespace of this module instead of the script''s'
            cand --include 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)'
            cand --only 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)'
            cand --exclude 'Leave out variables whose names match: ''tmp_*'', or a list such as api_key,token (repeatable)'
            cand --exclude-type 'Leave out variables whose type matches, such as ''DataFrame'' or ''torch.*'' (repeatable)'
            cand --max-size 'Leave out variables larger than SIZE, such as 500k, 20M or 2G'
            cand -m 'Run a module, as `python -m` does'
            cand -c 'Run code, as `python -c` does'
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --strict 'Exit with 3 if a variable could not be saved, or if --verify finds that one has changed'
            cand --verify 'Before replacing FILE, load the new snapshot in a fresh process and compare the values'
            cand --json 'Print that report to standard output; the script''s own output then goes to standard error'
            cand --no-ambient 'Save variables only: not the state of random generators, environment variables, options, …'
            cand --private 'Save all names that begin with `_`, not only those used by saved functions and classes'
            cand --redact 'Leave out variables that look like credentials, judging by their names or string values'
            cand --refimported 'Save imported objects by reference, not by value'
            cand --whole 'Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;restore'= {
            cand --only 'Restore only variables that match, and what their code needs: ''model*'', or a list such as model,scores (repeatable)'
            cand --include 'Restore only variables that match, and what their code needs: ''model*'', or a list such as model,scores (repeatable)'
            cand --exclude 'Leave out variables that match, even if others share objects with them (repeatable)'
            cand --report 'Write a JSON report of what was restored and what was not; `-` is the same as --json'
            cand --map 'Load module OLD as NEW (repeatable)'
            cand --max-memory 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]'
            cand -c 'Run code; if it is an expression, print its value'
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --strict 'Exit with 3, before anything runs, if a variable cannot be restored'
            cand --partial 'Restore the intact variables of a damaged file, and report the others'
            cand --json 'Print that report to standard output; what CODE or SCRIPT prints then goes to standard error'
            cand --all 'Name all variables and imports, with --list, too, and not only the largest'
            cand --list 'List the variables without loading anything; imports are one line (see --all)'
            cand --mmap 'Memory-map arrays: restoring is instant, and pages load on first use'
            cand --trust 'Load the file even if you did not save it; this can run arbitrary code'
            cand --no-ambient 'Leave the state of the interpreter and of libraries as it is: random generators, environment, options, …'
            cand -i 'Start a prompt, even after CODE or SCRIPT'
            cand --interactive 'Start a prompt, even after CODE or SCRIPT'
            cand --ipython 'Start the prompt of IPython, which the Python must have'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;inspect'= {
            cand --format 'Output format'
            cand --allow 'Verdict that --strict accepts beside `plain` (repeatable; `calls` includes `code`)'
            cand --trace 'Show the objects pickled under the variable NAME, as a tree with sizes'
            cand --sort 'Sort the variables'
            cand --html 'Write an HTML page with a map of the file and all details to OUT; `-` for standard output'
            cand --max-memory 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]'
            cand --include 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)'
            cand --only 'Save only variables whose names match: ''model*'', or a list such as model,scores (repeatable)'
            cand --exclude 'Leave out variables whose names match: ''tmp_*'', or a list such as api_key,token (repeatable)'
            cand --exclude-type 'Leave out variables whose type matches, such as ''DataFrame'' or ''torch.*'' (repeatable)'
            cand --max-size 'Leave out variables larger than SIZE, such as 500k, 20M or 2G'
            cand -m 'Run a module, as `python -m` does'
            cand -c 'Run code, as `python -c` does'
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --json 'Print JSON; short for --format json'
            cand --all 'Show each import, and every object at fault in a variable, not only the first few'
            cand --bad 'Show only the variables that cannot be saved, and why'
            cand --strict 'Exit with 3 if a variable cannot be saved, or with 5 if loading the file would do more than build plain data'
            cand --verdict 'List everything that loading the file would import and call'
            cand --script 'Run the file as a script, whatever its name; otherwise only .py, .pyw, .pyc, .pyz and .ipynb files are run'
            cand --private 'Save all names that begin with `_`, not only those used by saved functions and classes'
            cand --redact 'Leave out variables that look like credentials, judging by their names or string values'
            cand --refimported 'Save imported objects by reference, not by value'
            cand --whole 'Leave out a variable as a whole if an object in it cannot be saved, instead of saving the rest of it'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;diff'= {
            cand --max-memory 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]'
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --json 'Print JSON'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;verify'= {
            cand --max-memory 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]'
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --json 'Print JSON'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;trust'= {
            cand --max-memory 'Memory for looking at the file (e.g. 4G) [default: 64M and 10 bytes for each byte of opcodes, at most 1G]'
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --json 'Print JSON'
            cand -y 'Sign without asking'
            cand --yes 'Sign without asking'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;doctor'= {
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand --json 'Print JSON'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'snapcli;completions'= {
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'snapcli;schema'= {
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;man'= {
            cand --python 'Python to use: a path, a name on PATH, a version such as 3.12, or the directory of a virtual environment [default: see `snapcli doctor`]'
            cand --color 'When to use colors: `auto` means in a terminal, unless NO_COLOR is set'
            cand -q 'Print errors only'
            cand --quiet 'Print errors only'
            cand -v 'Print more detail: the chosen Python, and every name that was left out'
            cand --verbose 'Print more detail: the chosen Python, and every name that was left out'
            cand --no-progress 'Show no progress bars'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'snapcli;help'= {
            cand save 'Run a script and save its session'
            cand restore 'Restore a session, then start a prompt or run code with its variables'
            cand inspect 'Show what is in a snapshot, or which variables of a script cannot be saved'
            cand diff 'Compare two snapshots'
            cand verify 'Check a snapshot for damage, and list the variables that are intact'
            cand trust 'Sign a snapshot from someone else, so that `restore` loads it'
            cand doctor 'Show which Python is used and why, and whether anything is missing'
            cand completions 'Print the completion script for a shell'
            cand schema 'Print the JSON Schema of what a command prints with --json'
            cand man 'Print a manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'snapcli;help;save'= {
        }
        &'snapcli;help;restore'= {
        }
        &'snapcli;help;inspect'= {
        }
        &'snapcli;help;diff'= {
        }
        &'snapcli;help;verify'= {
        }
        &'snapcli;help;trust'= {
        }
        &'snapcli;help;doctor'= {
        }
        &'snapcli;help;completions'= {
        }
        &'snapcli;help;schema'= {
        }
        &'snapcli;help;man'= {
        }
        &'snapcli;help;help'= {
        }
    ]
    $completions[$command]
}
