
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
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand save 'Run a script and save the session it leaves'
            cand restore 'Bring a session back: in Python''s prompt, for one piece of code, or under another script'
            cand inspect 'Tell what is in a snapshot, or what in a script''s session cannot be saved'
            cand diff 'Tell what changed between two snapshots'
            cand verify 'Check that a file is what was saved, and tell which variables are whole'
            cand trust 'Sign a snapshot that somebody else saved, so that restore loads it'
            cand doctor 'Tell which Python is used and why, and whether all that is needed is there'
            cand completions 'Print the completions of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'snapcli;save'= {
            cand -o 'Where to save; `-` is standard output (the script''s own output then goes to standard error)'
            cand --output 'Where to save; `-` is standard output (the script''s own output then goes to standard error)'
            cand --report 'Write what was saved and what was left out to FILE, as JSON'
            cand --module 'Save the namespace of this module instead of the script''s'
            cand --include 'Keep only names that match (may be given more than once)'
            cand --exclude 'Leave out names that match'
            cand --exclude-type 'Leave out values of types that match: ''DataFrame'', ''torch.*'''
            cand --max-size 'Leave out variables that take more than this: 500k, 20M, 2G'
            cand -m 'Run a module, as `python -m`'
            cand -c 'Run this code, as `python -c`'
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand --strict 'Exit with 3 when something could not be saved, or comes back different'
            cand --verify 'Load the file in a fresh process before it is put in place, and compare what comes back'
            cand --private 'Keep all names that begin with `_`, not only those that kept functions use'
            cand --redact 'Leave out variables that look like credentials: by their names, or by their texts'
            cand --refimported 'Keep imported data by reference, not by value'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;restore'= {
            cand --only 'Bring back only variables that match, and what their code needs (may be given more than once)'
            cand --exclude 'Leave out variables that match, also where others share objects with them'
            cand --map 'A module is called otherwise now (may be given more than once)'
            cand -c 'Run this code; an expression''s value is printed'
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand --strict 'Exit with 3 before anything runs when a variable does not come back'
            cand --partial 'Bring back what is whole of a damaged file, and name what is not'
            cand --list 'Name the variables, and load nothing'
            cand --mmap 'Map arrays instead of reading them: nothing of them is read before it is used, and what is written to them stays in this process'
            cand --trust 'Load the file whoever saved it, with all that it runs'
            cand -i 'Go on into the prompt, also after CODE or SCRIPT'
            cand --interactive 'Go on into the prompt, also after CODE or SCRIPT'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;inspect'= {
            cand --format 'The form of the answer: `github` writes annotations for GitHub Actions'
            cand --trace 'Show what is pickled under a variable, as a tree with sizes'
            cand --sort 'What comes first'
            cand --html 'Write a page for a browser to OUT, with a map of where the bytes are and all that is known; `-` is standard output'
            cand --include 'Keep only names that match (may be given more than once)'
            cand --exclude 'Leave out names that match'
            cand --exclude-type 'Leave out values of types that match: ''DataFrame'', ''torch.*'''
            cand --max-size 'Leave out variables that take more than this: 500k, 20M, 2G'
            cand -m 'Run a module, as `python -m`'
            cand -c 'Run this code, as `python -c`'
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand --json 'Print JSON instead of a table'
            cand --all 'Name every object at fault in a variable, not only the first few'
            cand --bad 'Only what was left out, and why'
            cand --strict 'Exit with 3 when something cannot be saved, or was left out because it failed; with 5 when loading the file is dangerous'
            cand --verdict 'Tell all that loading the file would import and call'
            cand --script 'Run it, whatever its name: without this, only what ends in .py, .pyw, .pyc or .pyz is run'
            cand --private 'Keep all names that begin with `_`, not only those that kept functions use'
            cand --redact 'Leave out variables that look like credentials: by their names, or by their texts'
            cand --refimported 'Keep imported data by reference, not by value'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;diff'= {
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand --json 'Print JSON'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;verify'= {
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand --json 'Print JSON'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;trust'= {
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand -y 'Sign without asking'
            cand --yes 'Sign without asking'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'snapcli;doctor'= {
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand --json 'Print JSON'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'snapcli;completions'= {
            cand --python 'The Python to use: a path, a name on PATH, a version such as 3.12, or a virtual environment''s folder [default: as `snapcli doctor` shows]'
            cand -q 'Say nothing but errors'
            cand --quiet 'Say nothing but errors'
            cand -v 'Say more: which Python was chosen, what each step took'
            cand --verbose 'Say more: which Python was chosen, what each step took'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'snapcli;help'= {
            cand save 'Run a script and save the session it leaves'
            cand restore 'Bring a session back: in Python''s prompt, for one piece of code, or under another script'
            cand inspect 'Tell what is in a snapshot, or what in a script''s session cannot be saved'
            cand diff 'Tell what changed between two snapshots'
            cand verify 'Check that a file is what was saved, and tell which variables are whole'
            cand trust 'Sign a snapshot that somebody else saved, so that restore loads it'
            cand doctor 'Tell which Python is used and why, and whether all that is needed is there'
            cand completions 'Print the completions of a shell'
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
        &'snapcli;help;help'= {
        }
    ]
    $completions[$command]
}
