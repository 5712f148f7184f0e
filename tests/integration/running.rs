//! Running a script under snapcli does exactly what `python script.py` does. Each line of the table below is a test
//! that runs one command under `python` and under `snapcli save -q`, and compares stdout, stderr and exit status byte
//! for byte. The quick tier does so with the main Python, the full tier with every Python.
//!
//! To add a case, put a script into `scripts/<group>/` and a line into the table:
//! `name => script(&["file.py"]).args(&["one", "two"]),`. Its output must be the same in every run: no addresses, no
//! times, sets sorted. To run one case: `cargo test --test integration running::threads::daemon`.

mod case;
mod compare;

use case::{Case, bytes, script, target};
use compare::compare;

use crate::env::Stdout;

/// Defines a module for each group, a test for each case, and `GROUPS` with all of them.
macro_rules! differential {
    ($($(#[doc = $promise:literal])* $group:ident { $($name:ident => $case:expr,)* })*) => {
        $(
            $(#[doc = $promise])*
            mod $group {
                use super::*;
                pub(super) const CASES: &[Case] = &[$($case),*];
                $(#[test] fn $name() { compare(stringify!($group), stringify!($name), &const { $case }); })*
            }
        )*
        const GROUPS: &[(&str, &[Case])] = &[$((stringify!($group), $group::CASES)),*];
    };
}

differential! {
/// A script is `__main__`, in the process, environment and `sys` that Python would give it.
main {
    argv => script(&["argv.py"]).args(&["one", "--two", "", "ünï cöde", "--", "-q", "-o", "x", "--help", "-c", "-"]),
    argv_from_the_dashes_on => script(&["argv.py"]).args(&["--", "--strict"]),
    dunders => script(&["dunders.py"]),
    sys_path => script(&["sys_path.py"]),
    sys_facts => script(&["sys_facts.py"]),
    orig_argv => script(&["orig_argv.py"]).args(&["-q", "x"]),
    environment => script(&["environment.py"]),
    environment_with_library_path => script(&["environment.py"]).env(&[("LD_LIBRARY_PATH", "/nowhere:{work}")]),
    environment_with_empty_library_path => script(&["environment.py"]).env(&[("LD_LIBRARY_PATH", "")]),
    process => script(&["process.py"]),
    signal_handlers => script(&["signal_handlers.py"]),
    import_main => script(&["import_main.py"]),
    annotations => script(&["annotations.py"]),
    no_future => script(&["no_future.py"]),
    deleted_names => script(&["deleted_names.py"]),
    cleared_namespace => script(&["cleared_namespace.py"]),
    replaced_main => script(&["replaced_main.py"]),
    removed_main => script(&["removed_main.py"]),
    loaded_modules => script(&["loaded_modules.py"]),
    state_at_exit => script(&["state_at_exit.py"]).args(&["argument"]),
    collector_off => script(&["collector_off.py"]),
}

/// Modules, code, folders, archives and bytecode run as they do under Python.
modes {
    plain => script(&["show.py"]).args(&["-m", "argument"]),
    absolute_path => target(&["{work}/show.py"]).with(&["show.py"]),
    dotted_path => target(&["./elsewhere/../show.py"]).with(&["show.py", "elsewhere"]),
    another_folder => target(&["elsewhere/script.py"]).with(&["elsewhere"]),
    up_and_down => target(&["../work/elsewhere/script.py"]).with(&["elsewhere"]),
    any_name => target(&["a script – ünnamed"]).with(&["fails.py"])
        .before("import os; os.rename('fails.py', 'a script – ünnamed')"),
    symlink => target(&["link.py"]).with(&["elsewhere"])
        .before("import os; os.symlink('elsewhere/script.py', 'link.py')"),
    symlinked_folder => target(&["link/script.py"]).with(&["elsewhere"])
        .before("import os; os.symlink('elsewhere', 'link')"),
    pipe => target(&["/dev/stdin"]).stdin("import sys\nprint(__file__, sys.argv, sys.path[0])\nprint(1 / 0)\n"),
    standard_input => target(&["-"]).args(&["one"]).stdin("import sys\nprint(sorted(vars()), __file__, sys.argv)\n1/0"),
    module => target(&["-m", "show"]).with(&["show.py"]).args(&["-m", "-q", "argument"]),
    module_that_fails => target(&["-m", "fails"]).with(&["fails.py"]),
    module_in_a_package => target(&["-m", "package.inner.tool"]).with(&["package"]).args(&["one"]),
    module_in_a_package_that_fails => target(&["-m", "package.fails"]).with(&["package"]),
    module_that_cannot_be_compiled => target(&["-m", "package.bad_syntax"]).with(&["package"]),
    module_in_a_broken_package => target(&["-m", "broken_init.tool"]).with(&["broken_init"]),
    package => target(&["-m", "package"]).with(&["package"]).args(&["one", "-x"]),
    package_without_main => target(&["-m", "no_main"]).with(&["no_main"]),
    package_main_by_name => target(&["-m", "package.__main__"]).with(&["package"]),
    missing_module => target(&["-m", "no_such_module"]),
    missing_module_in_a_package => target(&["-m", "package.no_such_module"]).with(&["package"]),
    missing_package => target(&["-m", "no.such.module"]),
    module_with_a_suffix => target(&["-m", "show.py"]).with(&["show.py"]),
    built_in_module => target(&["-m", "sys"]),
    json_tool => target(&["-m", "json.tool"]).stdin(r#"{"b": [1, 2], "a": null}"#),
    json_tool_fails => target(&["-m", "json.tool"]).stdin("{"),
    calendar => target(&["-m", "calendar"]).args(&["2024", "2"]),
    this => target(&["-m", "this"]),
    module_pdb => target(&["-m", "pdb", "-c", "continue", "fails.py"]).with(&["fails.py"]).stdin("where\nquit\n"),
    module_trace => target(&["-m", "trace", "--trace", "fails.py"]).with(&["fails.py"]),
    module_unittest => target(&["-m", "unittest", "-h"]),
    module_compileall => target(&["-m", "compileall", "-l", "."]).with(&["fails.py"]),
    code => target(&["-c", "import sys; print(sys.argv, sys.orig_argv, sys.path[0] == '')"]).args(&["-c", "-o", "x"]),
    code_dunders => target(&["-c", "print(sorted(vars()), __name__, __spec__, __doc__, __loader__)"]),
    code_that_fails => target(&["-c", "def f():\n    return 1 / 0\n\nprint('a')\nf()\n"]),
    code_that_cannot_be_compiled => target(&["-c", "print('a')\nx = (1,\n"]),
    code_without_source => target(&["-c", "import inspect\ndef f(): ...\nprint(inspect.getsource(f))"]),
    code_that_exits => target(&["-c", "import sys; sys.exit('words')"]),
    empty_code => target(&["-c", ""]),
    folder => target(&["app"]).with(&["app"]).args(&["one"]),
    folder_with_slash => target(&["./app/"]).with(&["app"]).args(&["one"]),
    folder_that_fails => target(&["app"]).with(&["app"]).args(&["fail"]),
    folder_without_main => target(&["elsewhere"]).with(&["elsewhere"]),
    archive => target(&["app.pyz"]).with(&["app"]).args(&["one"]).before(ZIP_THE_APP),
    archive_that_fails => target(&["app.pyz"]).with(&["app"]).args(&["fail"]).before(ZIP_THE_APP),
    bytecode => target(&["show.pyc"]).with(&["show.py"]).args(&["one"])
        .before("import py_compile; py_compile.compile('show.py', 'show.pyc')"),
    bytecode_that_fails => target(&["fails.pyc"]).with(&["fails.py"])
        .before("import py_compile; py_compile.compile('fails.py', 'fails.pyc')"),
    bytecode_without_source => target(&["fails.pyc"]).with(&["fails.py"])
        .before("import os, py_compile; py_compile.compile('fails.py', 'fails.pyc'); os.remove('fails.py')"),
    bytecode_of_another_python => target(&["bad.pyc"]).before("open('bad.pyc', 'wb').write(bytes(64))"),
}

/// Source text is read as Python reads it, whatever its bytes.
sources {
    not_ascii => bytes("wort = 'Größe 日本 🐍'\nprint(wort, len(wort))\nраз = 1\nprint(раз / 0)".as_bytes()),
    latin_1 => bytes(b"# -*- coding: latin-1 -*-\nprint('Gr\xf6\xdfe', ascii('\xe9'))\n1/0 # \xe9"),
    latin_1_on_the_second_line => bytes(b"#!/usr/bin/env python\n# vim: set fileencoding=iso-8859-15 :\nprint('\xa4')"),
    latin_1_syntax_error => bytes(b"# coding: latin-1\nx = '\xe9' +\n"),
    utf_16_is_refused => bytes(b"\xff\xfep\x00a\x00s\x00s\x00"),
    byte_order_mark => bytes(b"\xef\xbb\xbfprint('after the mark \xc3\xa9')\n1/0\n"),
    byte_order_mark_and_coding => bytes(b"\xef\xbb\xbf# coding: utf-8\nprint('agreed')"),
    byte_order_mark_against_coding => bytes(b"\xef\xbb\xbf# coding: latin-1\nprint('at odds')"),
    not_utf_8 => bytes(b"print('not reached')\nx = 'caf\xe9'\n"),
    not_utf_8_in_a_comment => bytes(b"print('not reached')\n# caf\xe9\n"),
    unknown_coding => bytes(b"# coding: no-such-coding\nprint(1)\n"),
    null_byte => bytes(b"print('reached?')\nx = '\x00'\n"),
    form_feed => bytes(b"print(1)\n\x0c\nif 1:\n\x0c    print(2)\n"),
    empty => bytes(b""),
    only_a_comment => bytes(b"# nothing"),
    only_blanks => bytes(b"  \n\n\t\n"),
    no_line_end_at_the_end => bytes(b"def f():\n    return 1 / 0\nf()"),
    ends_in_a_comment => bytes(b"print(1)\nif 1:\n    print(2)\n    # the end"),
    ends_in_a_backslash => bytes(b"print(1)\nx = 1 + \\"),
    windows_line_ends => bytes(b"print('''a\r\nb''')\r\ndef f():\r\n    1/0\r\nf()\r\n"),
    windows_syntax_error => bytes(b"x = 1\r\ny = (\r\nz = 2\r\n"),
    old_mac_line_ends => bytes(b"print(1)\rprint(2)\r1/0"),
    hash_bang => bytes(b"#!/usr/bin/env python3\nprint('run')\n"),
    long_line => target(&["script.py"])
        .before("open('script.py', 'w').write('x = \"' + 'y' * 100_000 + '\"; print(len(x)); nope')"),
    deep_nesting => bytes(b"x = (((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))\nprint(x)"),
    semicolons => bytes(b"import sys; print(1); raise ValueError('here'); print(2)"),
    only_a_doc_string => bytes(b"'''What it is about.'''"),
    last_expression_is_not_shown => bytes(b"1 + 1\n'text'\n"),
    looks_like_a_pickle => bytes(b"\x80\x05}."),
}

/// Tracebacks, syntax errors, stacks and warnings are Python's own, to the last character.
tracebacks {
    nested => script(&["nested.py"]),
    chained_from => script(&["chained_from.py"]),
    chained_during => script(&["chained_during.py"]),
    exception_group => script(&["exception_group.py"]).since(3, 11),
    recursion => script(&["recursion.py"]),
    recursion_depth => script(&["recursion_depth.py"]),
    syntax_in_import => script(&["syntax_in_import.py"]).with(&["syntax_in_import.py", "bad_syntax.py"]),
    syntax_in_exec => script(&["syntax_in_exec.py"]),
    unclosed_bracket => script(&["unclosed_bracket.py"]),
    bad_indentation => script(&["bad_indentation.py"]),
    bad_dedent => script(&["bad_dedent.py"]),
    mixed_tabs => script(&["mixed_tabs.py"]),
    unterminated_string => script(&["unterminated_string.py"]),
    syntax_by_compiler => script(&["syntax_by_compiler.py"]),
    syntax_warning => script(&["syntax_warning.py"]),
    syntax_warning_as_error => script(&["syntax_warning.py"]).env(&[("PYTHONWARNINGS", "error")]),
    names_suggested => script(&["names_suggested.py"]),
    long_expressions => script(&["long_expressions.py"]),
    in_all_kinds_of_code => script(&["in_all_kinds_of_code.py"]),
    odd_exceptions => script(&["odd_exceptions.py"]),
    traceback_limit => script(&["traceback_limit.py"]),
    stack => script(&["stack.py"]),
    warnings_stacklevel => script(&["warnings_stacklevel.py"]),
    warnings_shown => script(&["warnings_shown.py"]).with(&["warnings_shown.py", "warns.py"]),
    warnings_always_shown => script(&["warnings_shown.py"]).with(&["warnings_shown.py", "warns.py"])
        .env(&[("PYTHONWARNINGS", "always")]),
    deletes_itself => script(&["deletes_itself.py"]),
    changes_folder => script(&["changes_folder.py"]).with(&["changes_folder.py", "bystander.py"]),
    import_error => script(&["import_error.py"]).with(&["import_error.py", "import_error_inner.py"]),
    faulthandler_stack => script(&["faulthandler_stack.py"]),
    format_locals => script(&["format_locals.py"]),
}

/// A script ends with the same exit status, signal and final messages as under Python.
exits {
    with_none => script(&["exit_with.py"]).args(&["None"]),
    with_0 => script(&["exit_with.py"]).args(&["0"]),
    with_3 => script(&["exit_with.py"]).args(&["3"]),
    with_256 => script(&["exit_with.py"]).args(&["256"]),
    with_minus_1 => script(&["exit_with.py"]).args(&["-1"]),
    with_a_huge_number => script(&["exit_with.py"]).args(&["2**32 + 5"]),
    with_true => script(&["exit_with.py"]).args(&["True"]),
    with_false => script(&["exit_with.py"]).args(&["False"]),
    with_a_float => script(&["exit_with.py"]).args(&["2.0"]),
    with_a_string => script(&["exit_with.py"]).args(&["'wörds \\ud800'"]),
    with_an_empty_string => script(&["exit_with.py"]).args(&["''"]),
    with_a_tuple => script(&["exit_with.py"]).args(&["(1, 'two')"]),
    deep => script(&["deep.py"]),
    subclass => script(&["subclass.py"]),
    in_thread => script(&["in_thread.py"]),
    at_exit => script(&["at_exit.py"]),
    os_exit => script(&["os_exit.py"]),
    by_sigterm => script(&["by_signal.py"]).args(&["SIGTERM"]),
    by_sigkill => script(&["by_signal.py"]).args(&["SIGKILL"]),
    by_sighup => script(&["by_signal.py"]).args(&["SIGHUP"]),
    abort => script(&["abort.py"]),
    builtin_exit => script(&["builtin_exit.py"]),
    other_base_exceptions => script(&["other_base_exceptions.py"]),
    exec_of_another => script(&["exec_of_another.py"]),
}

/// The script's hooks and finalizers are called as Python calls them, and only for actions of the script.
hooks {
    excepthook => script(&["excepthook.py"]),
    excepthook_raises => script(&["excepthook_raises.py"]),
    excepthook_exits => script(&["excepthook_exits.py"]),
    excepthook_missing => script(&["excepthook_missing.py"]),
    excepthook_and_interrupt => script(&["excepthook_and_interrupt.py"]),
    excepthook_and_exit => script(&["excepthook_and_interrupt.py"]).args(&["exit"]),
    no_stderr => script(&["no_stderr.py"]),
    unraisable => script(&["unraisable.py"]),
    thread_errors => script(&["thread_errors.py"]),
    atexit_order => script(&["atexit_order.py"]),
    atexit_fails => script(&["atexit_fails.py"]),
    atexit_after_error => script(&["atexit_after_error.py"]),
    deleted_at_exit => script(&["deleted_at_exit.py"]),
    import_hook => script(&["import_hook.py"]),
    replaced_import => script(&["replaced_import.py"]),
}

/// Threads live and end as under Python.
threads {
    outlive_main => script(&["outlive_main.py"]),
    started_late => script(&["started_late.py"]).since(3, 13),
    outlive_error => script(&["outlive_error.py"]),
    outlive_exit => script(&["outlive_exit.py"]),
    daemon => script(&["daemon.py"]),
    executor_left_open => script(&["executor_left_open.py"]),
    registered_at_exit => script(&["registered_at_exit.py"]),
    locals => script(&["locals.py"]),
    timer => script(&["timer.py"]),
}

/// Processes that the script starts find its functions, and do not act as snapcli.
processes {
    spawn => script(&["work.py"]).args(&["spawn"]),
    fork => script(&["work.py"]).args(&["fork"]),
    forkserver => script(&["work.py"]).args(&["forkserver"]),
    package_spawn => target(&["-m", "parallel"]).with(&["parallel"]).args(&["spawn"]),
    package_fork => target(&["-m", "parallel"]).with(&["parallel"]).args(&["fork"]),
    package_forkserver => target(&["-m", "parallel"]).with(&["parallel"]).args(&["forkserver"]),
    module_spawn => target(&["-m", "parallel.job"]).with(&["parallel"]).args(&["spawn"]),
    module_fork => target(&["-m", "parallel.job"]).with(&["parallel"]).args(&["fork"]),
    module_forkserver => target(&["-m", "parallel.job"]).with(&["parallel"]).args(&["forkserver"]),
    failing_child_spawn => script(&["failing_child.py"]).args(&["spawn"]),
    failing_child_fork => script(&["failing_child.py"]).args(&["fork"]),
    executor_spawn => script(&["executor.py"]).args(&["spawn"]),
    executor_fork => script(&["executor.py"]).args(&["fork"]),
    manager => script(&["manager.py"]),
    daemon_left => script(&["daemon_left.py"]),
    subprocesses => script(&["subprocesses.py"]),
    forked_child_ends => script(&["fork.py"]).args(&["end"]).env(SNAPSHOT),
    forked_child_exits => script(&["fork.py"]).args(&["exit"]).env(SNAPSHOT),
    forked_child_fails => script(&["fork.py"]).args(&["error"]).env(SNAPSHOT),
    forked_child_is_interrupted => script(&["fork.py"]).args(&["interrupt"]).env(SNAPSHOT),
    fork_without_warning => script(&["fork.py"]).args(&["end"])
        .env(&[("SNAPSHOT", "{out}/session.pkl"), ("OUT", "{out}"), ("PYTHONWARNINGS", "always")]),
    fork_in_function => script(&["fork_in_function.py"]),
    fork_callbacks => script(&["fork_callbacks.py"]),
    system => script(&["system.py"]),
}

/// asyncio's loops, tasks and errors are as under Python.
asyncio {
    run => script(&["run.py"]),
    failing => script(&["failing.py"]),
    never_retrieved => script(&["never_retrieved.py"]),
    never_awaited => script(&["never_awaited.py"]),
    groups => script(&["groups.py"]).since(3, 11),
    interrupted => script(&["interrupted.py"]),
    loop_left_open => script(&["loop_left_open.py"]),
}

/// Signals reach the script as under Python, and end it as they do there.
signals {
    interrupt => script(&["interrupt.py"]),
    raised_interrupt => script(&["raised_interrupt.py"]),
    interrupt_caught => script(&["interrupt_caught.py"]),
    interrupt_subclass => script(&["interrupt_subclass.py"]),
    exit_during_interrupt => script(&["interrupt_subclass.py"]).args(&["exit"]),
    interrupt_of_a_module => target(&["-m", "raised_interrupt"]).with(&["raised_interrupt.py"]),
    interrupt_of_code => target(&["-c", "raise KeyboardInterrupt"]),
    handlers => script(&["handlers.py"]),
    ignored => script(&["ignored.py"]).args(&["SIG_IGN"]),
    left_to_the_system => script(&["ignored.py"]).args(&["SIG_DFL"]),
    handler_at_exit => script(&["handler_at_exit.py"]),
    interrupt_in_thread_wait => script(&["interrupt_in_thread_wait.py"]),
}

/// snapcli does not touch the script's standard input, output and error.
streams {
    read_all => script(&["read_all.py"]).stdin("one two\nthree ünï\r\nno line end"),
    read_nothing => script(&["read_all.py"]),
    read_bytes => script(&["read_bytes.py"]).stdin("0123456\n789\n"),
    prompts => script(&["prompts.py"]).stdin("Ada\n\none\ntwo\nstop\n"),
    left_unread => script(&["left_unread.py"]).stdin("first\nsecond\nthird\n"),
    attributes => script(&["attributes.py"]),
    attributes_in_the_c_locale => script(&["attributes.py"]).env(&[("LC_ALL", "C")]),
    attributes_in_the_posix_locale => script(&["attributes.py"])
        .env(&[("LC_ALL", "POSIX"), ("PYTHONCOERCECLOCALE", "0")]),
    attributes_in_no_locale => script(&["attributes.py"]).env(&[("LC_ALL", "xx_XX.nothing"), ("PYTHONUTF8", "0")]),
    mixed_writes => script(&["mixed_writes.py"]),
    not_encodable => script(&["not_encodable.py"]),
    encoding_chosen => script(&["not_encodable.py"]).env(&[("PYTHONIOENCODING", "ascii:backslashreplace")]),
    large_output => script(&["large_output.py"]),
    reader_that_stops => script(&["endless_output.py"]).stdout(Stdout::CloseAfter(5_000)),
    reader_that_is_gone => script(&["little_output.py"]).args(&["None"]).stdout(Stdout::Closed),
    reader_that_is_gone_and_exit_code => script(&["little_output.py"]).args(&["3"]).stdout(Stdout::Closed),
    reader_that_is_gone_is_noticed => script(&["flushed_output.py"]).stdout(Stdout::Closed),
    closed_by_script => script(&["closed_by_script.py"]),
    closed_by_script_that_fails => script(&["closed_by_script.py"]).args(&["fail"]),
    replaced => script(&["replaced.py"]),
    descriptors_closed => script(&["descriptors_closed.py"]),
    logs => script(&["logs.py"]),
    help => script(&["help.py"]),
}

/// The `PYTHON…` environment variables have the same effect as under Python.
settings {
    python_path => script(&["python_path.py"]).with(&["python_path.py", "library"])
        .env(&[("PYTHONPATH", "{work}/library")]),
    relative_python_path => script(&["python_path.py"]).with(&["python_path.py", "library"])
        .env(&[("PYTHONPATH", "library")]),
    startup => script(&["flags.py"]).with(&["flags.py", "library"]).args(&["x"])
        .env(&[("PYTHONSTARTUP", "{work}/library/startup.py")]),
    warnings_are_errors => script(&["warn.py"]).env(&[("PYTHONWARNINGS", "error")]),
    warnings_always => script(&["warn.py"]).env(&[("PYTHONWARNINGS", "always")]),
    warnings_of_one_kind => script(&["warn.py"]).env(&[("PYTHONWARNINGS", "ignore::DeprecationWarning,default")]),
    development_mode => script(&["warn.py"]).env(&[("PYTHONDEVMODE", "1")]),
    unbuffered => script(&["unbuffered.py"]).env(&[("PYTHONUNBUFFERED", "1")]),
    buffered => script(&["unbuffered.py"]),
    unbuffered_flags => script(&["flags.py"]).args(&["x"]).env(&[("PYTHONUNBUFFERED", "1")]),
    asserts_on => script(&["flags.py"]),
    optimized => script(&["flags.py"]).env(&[("PYTHONOPTIMIZE", "2")]),
    optimized_doc_strings => target(&["-c", "def f():\n    'text'\nprint(f.__doc__, __doc__)"])
        .env(&[("PYTHONOPTIMIZE", "2")]),
    hash_seed => script(&["flags.py"]).args(&["hash"]).env(&[("PYTHONHASHSEED", "7")]),
    safe_path => script(&["flags.py"]).args(&["x"]).env(&[("PYTHONSAFEPATH", "1")]),
    safe_path_of_a_module => target(&["-m", "flags"]).with(&["flags.py"]).env(&[("PYTHONSAFEPATH", "1")]),
    no_user_site => script(&["flags.py"]).args(&["x"]).env(&[("PYTHONNOUSERSITE", "1")]),
    utf_8_mode => script(&["flags.py"]).args(&["x"]).env(&[("PYTHONUTF8", "1"), ("LC_ALL", "C")]),
    io_encoding => script(&["flags.py"]).args(&["x"]).env(&[("PYTHONIOENCODING", "latin-1:replace")]),
    integer_digits => script(&["flags.py"]).args(&["x"]).env(&[("PYTHONINTMAXSTRDIGITS", "1000")]),
    fault_handler => target(&["-c", "import faulthandler; print(faulthandler.is_enabled())"])
        .env(&[("PYTHONFAULTHANDLER", "1")]),
    breakpoint_off => script(&["break_off.py"]).env(&[("PYTHONBREAKPOINT", "0")]),
    breakpoint_elsewhere => script(&["break_off.py"]).env(&[("PYTHONBREAKPOINT", "builtins.print")]),
    breakpoint_nowhere => script(&["break_off.py"]).env(&[("PYTHONBREAKPOINT", "no.such.thing")]),
    writes_bytecode => script(&["writes_bytecode.py"]).with(&["writes_bytecode.py", "beside.py"]),
    writes_no_bytecode => script(&["writes_bytecode.py"]).with(&["writes_bytecode.py", "beside.py"])
        .env(&[("PYTHONDONTWRITEBYTECODE", "1")]),
    writes_bytecode_elsewhere => script(&["writes_bytecode.py"]).with(&["writes_bytecode.py", "beside.py"])
        .env(&[("PYTHONPYCACHEPREFIX", "{work}/../home/cache")]),
    memory => script(&["memory.py"]).env(&[("PYTHONTRACEMALLOC", "3")]),
}

/// Tools that inspect the script, its source, names and frames, see the same as under Python.
inspection {
    source => script(&["source.py"]),
    no_cache_yet => script(&["no_cache_yet.py"]),
    pickled => script(&["pickled.py"]),
    typing_tools => script(&["typing_tools.py"]),
    doctests => script(&["doctests.py"]),
    unit_tests => script(&["unit_tests.py"]),
    debugger => script(&["debugger.py"]).stdin("where\np total\nup\nwhere\nlist\nup\ncontinue\n"),
    debugger_left => script(&["debugger.py"]).stdin("quit\n"),
    post_mortem => script(&["post_mortem.py"]).stdin("where\nargs\nup\nquit\n"),
    prompt_inside => script(&["prompt_inside.py"]).stdin("later = value + 1\nlater * 2\n1/0\n"),
    traced => script(&["traced.py"]),
    trace_left_on => script(&["trace_left_on.py"]),
    profiled => script(&["profiled.py"]),
    run_another => script(&["run_another.py"]),
    reloads => script(&["reloads.py"]),
}
}

const ZIP_THE_APP: &str = "
import zipfile
with zipfile.ZipFile('app.pyz', 'w') as archive:
    for name in '__main__.py', 'beside.py':
        archive.write('app/' + name, name)
";

const SNAPSHOT: &[(&str, &str)] = &[("SNAPSHOT", "{out}/session.pkl"), ("OUT", "{out}")];

#[test]
fn every_script_is_in_the_table_and_opens_with_a_comment() {
    let mut scripts = 0;
    for (group, cases) in GROUPS {
        // A group whose scripts are all written in the table has no directory.
        for entry in compare::scripts(group).read_dir().into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(cases.iter().any(|case| case.files.contains(&name)), "no case uses scripts/{group}/{name}");
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.starts_with("# "), "scripts/{group}/{name} does not say what it shows in its first line");
                scripts += 1;
            }
        }
    }
    assert!(scripts > 100, "only {scripts} scripts were found");
}
