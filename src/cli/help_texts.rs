//! What `--help` prints below the options: examples, and in the long form the exit codes and environment variables of
//! the command.
//!
//! `-h` prints the examples only. Each text is a constant, because clap takes it as one string.

/// The exit codes of all commands.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    failure; save: the script failed (or its own exit code);
       diff: the files differ
  2    usage error, or a file or script does not exist
  3    with --strict: a variable could not be saved or restored, or it came back
       different
  4    not a snapshot, damaged, truncated, or too large to inspect
  5    not trusted: loading the file would do more than build plain data;
       inspect: only with --strict
  6    no usable Python, or no dill
  7    out of memory
  130  interrupted

`snapcli COMMAND --help` lists those of a command, and its environment variables.";

/// A text in two forms: the examples, and the examples with what follows them.
macro_rules! help_texts {
    ($short:ident, $long:ident, $examples:literal, $rest:literal) => {
        pub(super) const $short: &str = $examples;
        pub(super) const $long: &str = concat!($examples, "\n\n", $rest);
    };
}

help_texts!(
    RUN,
    RUN_LONG,
    "\
Examples:
  snapcli run train.py --epochs 3    run it; the same command resumes it
  snapcli run --every 10m train.py   make a checkpoint every ten minutes
  snapcli run --fresh train.py       start over
  snapcli run -o /scratch/train.snaps/ train.py
  snapcli status train.snaps/        show the progress of the run

Options of snapcli come before the script: what follows it is passed to the script.",
    "\
Exit codes:
  0    the script has finished, now or before
  1    the script failed, or the checkpoint cannot be resumed
  2    usage error, or the store has a run of another script, with other
       arguments or another Python, or the script has finished and was edited,
       or the working directory of the checkpoint is gone
  4    no checkpoint in the store can be read
  5    the checkpoint is not signed with your key
  6    no usable Python, or no dill
  7    out of memory
  N    the script's own exit code
  130  interrupted

Environment variables:
  SNAPCLI_PYTHON      the Python to use, like --python
  SNAPCLI_KEY         your key: only checkpoints signed with it are resumed
  SNAPCLI_NO_INSTALL  1 forbids installing a private dill
  SNAPCLI_NO_CONFIG   1 ignores pyproject.toml and config.toml, like --no-config
  PYTHON...           as for python

Signals:
  USR1             make a checkpoint when the current step ends, and continue
  TERM, HUP, INT   make a checkpoint when the current step ends, then end by
                   that signal"
);

help_texts!(
    SAVE,
    SAVE_LONG,
    "\
Examples:
  snapcli save train.py --epochs 3          run train.py, save to session.pkl
  snapcli save -o run7.pkl train.py         save to run7.pkl
  snapcli save --exclude 'tmp_*' train.py   leave out some names
  snapcli save --strict train.py            exit with 3 if a variable is left out
  snapcli save -m pkg.train --epochs 3      run a module
  snapcli save -o - train.py | ssh host 'cat > session.pkl'

Options of snapcli come before the script: what follows it is passed to the script. If the script fails, its \
variables up to that point are saved to session.crash.pkl, and snapcli exits with the script's exit code.",
    "\
Exit codes:
  0    saved; variables that could not be saved have been named
  1    nothing was saved, or not where it should be; the script raised an
       exception, or ended its own process
  2    usage error: the script does not exist, FILE cannot be written, or a name
       matches no variable
  3    with --strict: a variable could not be saved, or --verify found that one
       comes back different
  4    with --verify: the new snapshot cannot be loaded; it is kept as
       session.unverified.pkl
  6    no usable Python, or no dill
  7    out of memory
  N    the script's own exit code
  130  interrupted

Environment variables:
  SNAPCLI_PYTHON      the Python to use, like --python
  SNAPCLI_KEY         the key that signs snapshots: 64 hex digits, or a passphrase
                      of at least 16 bytes
  SNAPCLI_NO_INSTALL  1 forbids installing a private dill
  SNAPCLI_NO_CONFIG   1 ignores pyproject.toml and config.toml, like --no-config
  PYTHON...           as for python: PYTHONWARNINGS for -W, PYTHONUNBUFFERED for
                      -u, PYTHONOPTIMIZE for -O, PYTHONDEVMODE for -X dev,
                      PYTHONHASHSEED, PYTHONPATH, and so on"
);

help_texts!(
    RESTORE,
    RESTORE_LONG,
    "\
Examples:
  snapcli restore                             open session.pkl in a prompt
  snapcli restore run7.pkl -c 'model.score'   print the value of an expression
  snapcli restore run7.pkl plot.py --dpi 200  run plot.py with the variables
  snapcli restore run7.pkl < report.py        run the code in standard input
  snapcli restore --only 'model*' --mmap      restore some, and map their arrays
  ssh host cat run7.pkl | snapcli restore - -c 'print(scores)'

FILE comes before -c and SCRIPT: what follows them is passed to the code.",
    "\
Exit codes:
  0    restored, and the code succeeded
  1    the code raised an exception, or the file could not be loaded
  2    usage error: a file does not exist, or a name matches no variable
  3    with --strict: a variable could not be restored; nothing was run
  4    not a snapshot, damaged, truncated, or too large (see --max-memory)
  5    not trusted: loading the file would do more than build plain data
  6    no usable Python, or no dill
  7    out of memory
  N    the exit code of the code or script
  130  interrupted

Environment variables:
  SNAPCLI_PYTHON      the Python to use, like --python
  SNAPCLI_KEY         your key: files signed with it are loaded in full
  SNAPCLI_NO_INSTALL  1 forbids installing a private dill
  SNAPCLI_NO_CONFIG   1 ignores pyproject.toml and config.toml, like --no-config
  PYTHON...           as for python"
);

help_texts!(
    INSPECT,
    INSPECT_LONG,
    "\
Examples:
  snapcli inspect                      show what is in session.pkl
  snapcli inspect --json session.pkl   the same as JSON
  snapcli inspect --sort size          list the largest variables first
  snapcli inspect --html page.html     write an HTML page with a map of the file
  snapcli inspect --trace model        show the objects inside `model` with sizes
  snapcli inspect --verdict got.pkl    list what loading it would import and call
  snapcli inspect --strict got.pkl     exit with 5 unless it holds plain data, or
                                       you signed it
  snapcli inspect --strict --allow code got.pkl   accept functions and classes too
  snapcli inspect --bad train.py       list the variables that cannot be saved
  snapcli inspect --strict train.py    exit with 3 if there are any
  snapcli inspect --format github --strict train.py   for GitHub Actions",
    "\
Exit codes:
  0    done
  1    failure, or the script failed (or the script's own exit code)
  2    usage error: a file does not exist, or a name matches no variable
  3    with --strict, of a script: a variable cannot be saved
  4    not a snapshot, damaged, truncated, or too large (see --max-memory)
  5    with --strict, of a file: loading it would do more than build plain data,
       and you did not sign it
  6    of a script: no usable Python, or no dill
  7    out of memory
  130  interrupted

Environment variables:
  SNAPCLI_KEY         your key: files signed with it pass --strict
  SNAPCLI_PYTHON      the Python to run a script in, like --python
  SNAPCLI_NO_CONFIG   1 ignores pyproject.toml and config.toml, like --no-config
  NO_COLOR, CLICOLOR_FORCE   no colors, colors everywhere (see --color)"
);

help_texts!(
    DIFF,
    DIFF_LONG,
    "\
Examples:
  snapcli diff monday.pkl tuesday.pkl            show what changed since Monday
  snapcli diff --json monday.pkl tuesday.pkl     the same as JSON
  snapcli diff -q run7.pkl run8.pkl || echo changed
  ssh host cat run7.pkl | snapcli diff - run7.pkl",
    "\
Exit codes:
  0    the files are the same
  1    the files differ
  2    usage error, or a file does not exist
  4    a file is damaged, truncated, not a snapshot, or too large
       (see --max-memory)
  7    out of memory
  130  interrupted

Environment variables:
  NO_COLOR, CLICOLOR_FORCE   no colors, colors everywhere (see --color)"
);

help_texts!(
    VERIFY,
    VERIFY_LONG,
    "\
Examples:
  snapcli verify                       check session.pkl
  snapcli verify --json run7.pkl       print the result as JSON
  ssh host cat run7.pkl | snapcli verify -",
    "\
Exit codes:
  0    the file is intact
  2    usage error, or the file does not exist
  4    damaged, truncated, not a snapshot, or too large (see --max-memory)
  7    out of memory
  130  interrupted"
);

help_texts!(
    TRUST,
    TRUST_LONG,
    "\
Examples:
  snapcli inspect --verdict got.pkl   list what loading it would import and call
  snapcli trust got.pkl               sign it
  snapcli trust --yes got.pkl         sign it without asking",
    "\
Exit codes:
  0    signed
  1    there is no key, or the file cannot be replaced
  2    usage error: the file does not exist, snapcli did not save it, or --yes
       is needed
  4    damaged, truncated, not a snapshot, or too large (see --max-memory)
  5    you did not confirm
  7    out of memory
  130  interrupted

Environment variables:
  SNAPCLI_KEY  the key to sign with: 64 hex digits, or a passphrase of at least
               16 bytes. Two machines with the same SNAPCLI_KEY trust each
               other's files"
);

help_texts!(
    DOCTOR,
    DOCTOR_LONG,
    "\
Examples:
  snapcli doctor                  show the Python, dill, the key, the settings
  snapcli doctor --python 3.12    the same for another Python
  snapcli doctor -q && make all   only the exit code",
    "\
Exit codes:
  0  a Python is usable
  2  usage error
  6  no Python is usable

Environment variables:
  SNAPCLI_PYTHON      the Python to use, like --python
  SNAPCLI_KEY         your key, in place of the file
  SNAPCLI_NO_CONFIG   1 ignores pyproject.toml and config.toml, like --no-config
  VIRTUAL_ENV, CONDA_PREFIX, PATH   where a Python is searched for
  XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_DATA_HOME   where the directories are"
);

help_texts!(
    LOG,
    LOG_LONG,
    "\
Examples:
  snapcli log runs.snaps/                 list all snapshots
  snapcli log -n 5 runs.snaps/            list the five newest
  snapcli log --json runs.snaps/          the same as JSON
  snapcli restore runs.snaps/@3           restore one of them by its number
  snapcli diff runs.snaps/@3 runs.snaps/@best",
    "\
Exit codes:
  0    listed; a damaged snapshot is marked as such
  1    object storage cannot be reached
  2    usage error, or there is no such store
  7    out of memory
  130  interrupted"
);

help_texts!(
    EXPORT,
    EXPORT_LONG,
    "\
Examples:
  snapcli export runs.snaps/@3 -o run3.pkl
  snapcli export runs.snaps/              write the newest snapshot to session.pkl;
                                          what is there becomes session.1.pkl
  snapcli export runs.snaps/ -o run.pkl.zst  compress it, too
  snapcli export runs.snaps/@best -o - | ssh host snapcli restore -",
    "\
Exit codes:
  0    written
  1    the file cannot be written, or object storage cannot be reached
  2    usage error, or there is no such store or snapshot
  4    the snapshot is damaged
  7    out of memory
  130  interrupted"
);

help_texts!(
    IMPORT,
    IMPORT_LONG,
    "\
Examples:
  snapcli import session.pkl runs.snaps/
  snapcli import --name monday monday.pkl runs.snaps/
  snapcli import runs.snaps/@3 other.snaps/",
    "\
Exit codes:
  0    added
  1    the store cannot be written to, or object storage cannot be reached
  2    usage error, or the file does not exist
  4    not a snapshot, damaged, or truncated
  7    out of memory
  130  interrupted

Environment variables:
  SNAPCLI_KEY  your key, in place of the file: what it has signed stays signed"
);

help_texts!(
    PRUNE,
    PRUNE_LONG,
    "\
Examples:
  snapcli prune runs.snaps/ --keep-last 10 --keep-named
  snapcli prune runs.snaps/ --keep-last 10 --dry-run   say what would be removed
  snapcli prune runs.snaps/ --drop-damaged             remove what `verify` found",
    "\
Exit codes:
  0    done
  1    the store cannot be written to, or object storage cannot be reached
  2    usage error, or there is no such store
  4    a snapshot is damaged, so it is unknown which objects it needs; nothing
       was removed (--drop-damaged removes it)
  7    out of memory
  130  interrupted"
);

help_texts!(
    STATUS,
    STATUS_LONG,
    "\
Examples:
  snapcli status
  snapcli status train.snaps/
  snapcli status --json train.snaps/",
    "\
Exit codes:
  0    shown
  1    object storage cannot be reached
  2    usage error, no store is named and there is none or more than one here, or
       the store has no checkpoint of a run
  4    no checkpoint in the store can be read
  7    out of memory
  130  interrupted"
);

help_texts!(
    SCHEMA,
    SCHEMA_LONG,
    "\
Examples:
  snapcli schema inspect > inspect.schema.json
  snapcli inspect --json | check-jsonschema --schemafile inspect.schema.json -",
    "\
Exit codes:
  0    printed
  2    usage error"
);

help_texts!(
    MAN,
    MAN_LONG,
    "\
Examples:
  snapcli man | man -l -             read the page of the program
  snapcli man save | man -l -        read the page of a command
  snapcli man > ~/.local/share/man/man1/snapcli.1",
    "\
Exit codes:
  0    printed
  2    usage error"
);

help_texts!(
    COMPLETIONS,
    COMPLETIONS_LONG,
    "\
Examples:
  snapcli completions --install       install it for your shell, and say what is
                                      left to do
  snapcli completions --install zsh
  snapcli completions bash > /etc/bash_completion.d/snapcli",
    "\
Exit codes:
  0    printed or installed
  1    the script cannot be written
  2    usage error

Environment variables:
  SHELL  the shell whose completion --install writes, if none is named"
);
