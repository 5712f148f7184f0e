//! `snapcli.save` in a plain Python: targets, options, namespaces, and the report.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::env::{Sandbox, Stack, main_python, venv};
use crate::skipped::skipped;

/// Runs code that imports snapcli, and checks what it prints.
#[track_caller]
fn prints(sandbox: &Sandbox, code: &str, expected: &str) {
    let code = format!("import io, os, snapcli\n{code}");
    sandbox.call_importing(&["-c", &code]).run().assert_stderr("").assert_stdout(expected);
}

#[test]
fn a_target_is_a_path_a_file_or_memory() {
    let code = "
import gzip, pathlib
x = [1, 2]
def f(): return x
options = dict(ambient=False)
data = snapcli.save(**options).data
class Part:
    def __init__(self): self.got = b''
    def write(self, data): self.got += data[:3000]; return min(len(data), 3000)
class Silent:
    def __init__(self): self.got = b''
    def write(self, data): self.got += bytes(data)
held, part, silent = io.BytesIO(b''), Part(), Silent()
with open('file.pkl', 'wb') as file, open('raw.pkl', 'wb', buffering=0) as raw, gzip.open('z.pkl.gz', 'wb') as z:
    targets = [held, part, silent, file, raw, z, 'path.pkl', pathlib.Path('pathlike.pkl')]
    reports = [snapcli.save(target, globals(), only=['x', 'f'], **options) for target in targets]
everything = [held.getvalue(), part.got, silent.got, gzip.open('z.pkl.gz').read()]
everything[3:3] = [open(name, 'rb').read() for name in ('file.pkl', 'raw.pkl')]
everything += [open(name, 'rb').read() for name in ('path.pkl', 'pathlike.pkl')]
print({report.data for report in reports}, [report.bytes for report in reports] == [len(found) for found in everything])
for found in everything: print(snapcli.load_dict(found)['f'](), end=' ')
print([report.path for report in reports if report.path], reports[0].saved)
";
    let expected = format!("{{None}} True\n{}['path.pkl', 'pathlike.pkl'] ['x', 'f']\n", "[1, 2] ".repeat(8));
    prints(&Sandbox::new(), code, &expected);
}

#[test]
fn a_large_snapshot_becomes_bytes_or_goes_to_a_file_object() {
    let code = "
import numpy
big = numpy.arange(4_000_000.0)
data = snapcli.save(None, {'big': big}).data
held = io.BytesIO()
snapcli.save(held, {'big': big})
print(len(data) > 32_000_000, abs(len(held.getvalue()) - len(data)) < 99, snapcli.load_dict(held.getvalue())['big'][-1])
print(snapcli.verify(data)['whole'], snapcli.diff(data, held.getvalue())['same'])
";
    prints(&Sandbox::new(), code, "True True 3999999.0\nTrue True\n");
}

#[test]
fn a_target_that_cannot_be_written_to_is_an_exception_before_anything_is_pickled() {
    let sandbox = Sandbox::new();
    let locked = sandbox.work().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let code = "
class Loud:
    def __reduce__(self): print('PICKLED'); return Loud, ()
loud = Loud()
open('there', 'w').close()
closed = open('there', 'wb'); closed.close()
targets = ['none/x.pkl', '.', 7, b'x.pkl', open('there'), open('there', 'rb'), closed, io.StringIO(), io.BytesIO]
if os.getuid(): targets.append('locked/x.pkl')
for target in targets:
    try: snapcli.save(target)
    except Exception as error: print(type(error).__mro__[0].__name__, str(error)[:60])
";
    let mut expected = "FileNotFoundError [Errno 2] cannot save to none/x.pkl: cannot create a file in none:\n\
                    IsADirectoryError [Errno 21] . is a directory: name a file in it\n\
                    TypeError the target must be a path, a binary file or None, not int\n\
                    TypeError the target must be a path, a binary file or None, not bytes\n\
                    TypeError the target is open in text mode: open it with mode 'wb'\n\
                    UnsupportedOperation the target is not writable: open it with mode 'wb'\n\
                    ValueError the target is a closed file\n\
                    TypeError the target is open in text mode: open it with mode 'wb'\n"
        .to_owned();
    let run = sandbox.call_importing(&["-c", &format!("import io, os, snapcli\n{code}")]).run();
    run.assert_stderr("");
    // A class is no file, whatever it says about its type.
    assert!(!run.out().contains("PICKLED"), "{}", run.whole());
    let lines: Vec<_> = expected.lines().map(|line| line.chars().take(90).collect::<String>()).collect();
    for (found, expected) in run.out().lines().zip(&lines) {
        assert!(expected.starts_with(found.trim_end()) || found.starts_with(expected.as_str()), "{found}\n{expected}");
    }
    expected.clear();
    assert!(run.out().lines().count() >= lines.len(), "{}", run.whole());
}

#[test]
fn only_takes_these_and_what_their_code_needs() {
    let code = "
factor, other, _hidden, rows = 3, 'no', 5, [1]
def grow(n): return n * factor + _hidden
class Model:
    def fit(self): return grow(2)
names = lambda **options: snapcli.save(None, **options).saved
print(names(only='Model'), names(only=['row*', 'other']), names(only='grow', exclude='factor'), names(only=('_hid*',)))
report = snapcli.save(None, only='rows')
print(report.left_out, report.complete)
for wrong in (['row'], 'grwo', [], 'zzz'):
    try: print(names(only=wrong)[:1])
    except ValueError as error: print(error)
print(snapcli.save(None, include='rows').left_out['factor'])
";
    prints(
        &Sandbox::new(),
        code,
        "['factor', '_hidden', 'grow', 'Model'] ['other', 'rows'] ['_hidden', 'grow'] ['_hidden']\n{} True\n\
         only=\"row\" matches no variable of the session: did you mean rows, grow?\n\
         only=\"grwo\" matches no variable of the session: did you mean grow?\n\
         only= names nothing: pass None for all variables\n\
         only=\"zzz\" matches no variable of the session\nmatches no include= pattern\n",
    );
}

#[test]
fn the_report_is_for_programs_and_for_people() {
    let sandbox = Sandbox::new();
    let code = "
import json, sqlite3
connection = sqlite3.connect(':memory:')
results = {'job7': sqlite3.connect(':memory:')}
rows = [1]
report = snapcli.save('a.pkl', exclude='ro*')
print(str(report).replace(str(report).split('(')[1].split(')')[0], 'SIZE'))
print(repr(report) == str(report), bool(report), report.complete, report.path, report.data)
print(report.lost == {'connection': report.lost['connection'].reason,
                      \"results['job7']\": report.lost['connection'].reason})
lost = report.lost['connection']
assert lost.path == lost.where
print(str(lost), '|', lost.where, '|', lost.type, '|', lost.hint)
print(report.left_out, report.bytes == os.path.getsize('a.pkl'))
print(sorted(json.loads(json.dumps(report.to_dict())))[:6], os.path.basename(report.to_dict()['path']))
# A report is saved as plain values.
snapcli.save('b.pkl', {'report': report})
print(snapcli.load_dict('b.pkl')['report'].lost['connection'])
";
    prints(
        &sandbox,
        code,
        "saved 1 variable and 5 imports to a.pkl (SIZE)\n\
         left out 1 variable that cannot be saved:\n  connection (sqlite3.Connection): TypeError: cannot pickle \
         'sqlite3.Connection' object\n      hint: keep the path or URL, and connect again after the restore\n\
         replaced 1 object that cannot be saved by a marker:\n  results['job7'] (sqlite3.Connection): TypeError: \
         cannot pickle 'sqlite3.Connection' object\n      hint: keep the path or URL, and connect again after the \
         restore\n\
         True True False a.pkl None\nTrue\nTypeError: cannot pickle 'sqlite3.Connection' object | connection | \
         sqlite3.Connection | keep the path or URL, and connect again after the restore\n\
         {'rows': 'matches exclude= ro*'} True\n\
         ['ambient', 'bytes', 'created', 'distributions', 'format', 'left_out'] a.pkl\n\
         TypeError: cannot pickle 'sqlite3.Connection' object\n",
    );
    let command = sandbox.snapcli(&["inspect", "--json", "a.pkl"]).json();
    let own = "import json, snapcli; print(json.dumps(snapcli.inspect('a.pkl')))";
    assert_eq!(sandbox.call_importing(&["-c", own]).run().json(), command);
}

#[test]
fn a_namespace_that_changes_meanwhile_is_saved() {
    let code = "
import threading, time
names = {f'name{number}': [number] for number in range(1000)}
going = True
def change():
    number = 0
    while going:
        names[f'new{number % 1000}'] = number
        names.pop(f'name{number % 1000}', None)
        number += 1
        time.sleep(0)
thread = threading.Thread(target=change, daemon=True); thread.start()
reports = [snapcli.save(None, names) for _ in range(3)]
class Grows:
    def __init__(self, names): self.names = names
    def __reduce__(self): self.names['late'] = 1; return list, ()
more = {'first': 1}
more['grows'] = Grows(more)
more['last'] = 2
reports.append(snapcli.save(None, more))
going = False
thread.join()
print([report.complete for report in reports], reports[-1].saved)
for report in reports: assert snapcli.verify(report.data)['whole']
";
    prints(&Sandbox::new(), code, "[True, True, True, True] ['first', 'grows', 'last']\n");
}

#[test]
fn a_large_session_takes_little_memory() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let code = "
import resource, numpy, pandas
frame = pandas.DataFrame({f'c{number}': numpy.arange(1_500_000.0) for number in range(10)})
big = numpy.ones(16_000_000)
texts = [f'text {number}' for number in range(20_000)]
snapcli.save('small.pkl', {'x': 1})
import dill
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
report = snapcli.save('big.pkl', globals(), exclude='_*')
print(report.complete, report.bytes > 240e6, peak() - before < 10, peak() - before)
";
    let run = sandbox.call_importing(&["-c", &format!("import io, os, snapcli\n{code}")]).run();
    assert!(run.out().starts_with("True True "), "{}", run.whole());
    if std::env::var_os("SNAPCLI_TEST_ENGINE").is_none() {
        return skipped("a debug build keeps copies of what it writes: name a release build in SNAPCLI_TEST_ENGINE");
    }
    assert!(run.out().starts_with("True True True"), "{}", run.whole());
}

#[test]
fn functions_beside_a_generator_are_all_kept_and_quickly() {
    let sandbox = Sandbox::new();
    let functions: String = (0..120).map(|n| format!("def f{n}(x, y={n}): return x + y + base\n")).collect();
    let code = format!(
        "import io, os, snapcli, time\nbase = 1\n{functions}\ndef numbers():\n    yield 1\n    yield 2\n\
         generator = numbers()\nnext(generator)\nsnapcli.save('warm.pkl', {{'x': 1}})\n\
         started = time.perf_counter()\nreport = snapcli.save('f.pkl', sync=False)\n\
         took = time.perf_counter() - started\n\
         print(list(report.lost), sum(name[0] == 'f' and name[1:].isdigit() for name in report.saved), took)\n"
    );
    let run = sandbox.call_importing(&["-c", &code]).run();
    assert!(run.out().starts_with("['generator'] 120 "), "{}", run.whole());
    let check = "import snapcli; n = snapcli.load_dict('f.pkl'); print(sum(n[f'f{i}'](1) for i in range(120)))";
    sandbox.call_importing(&["-c", check]).run().assert_stdout("7380\n");
}

#[test]
fn an_empty_key_is_not_that_of_the_machine() {
    let sandbox = Sandbox::new();
    let code = "import snapcli; print(snapcli.save('a.pkl', {'f': len, 'x': 1}).notes)";
    sandbox.call_importing(&["-c", code]).run().assert_stdout("[]\n");
    let run = sandbox.call_importing(&["-c", code]).env("SNAPCLI_KEY", "").run();
    run.assert_stdout("['the snapshot is not signed, because there is no key: restoring it needs trust=True']\n");
    let run = sandbox.call_snapcli(&["save", "-c", "x = 1"]).env("SNAPCLI_KEY", "").run();
    assert!(run.err().contains("SNAPCLI_KEY is empty"), "{}", run.whole());
    let run = sandbox.call_snapcli(&["save", "-c", "x = 1"]).env("SNAPCLI_KEY", "2a".repeat(31)).run();
    assert!(run.err().contains("looks like a key in hex, but is not 64 hex digits (62 digits)"), "{}", run.whole());
}

#[test]
fn a_process_without_a_key_says_that_the_snapshot_is_not_signed() {
    let sandbox = Sandbox::new();
    let code = "import snapcli; r = snapcli.save('a.pkl', {'f': len, 'x': 1}); print(r.notes)\n\
                print(snapcli.restore('a.pkl', only='x', into={}).trusted)";
    let run = sandbox.call_importing(&["-c", code]).env("SNAPCLI_KEY", "short").run();
    run.assert_stdout(
        "['the snapshot is not signed, because there is no key: restoring it needs trust=True']\nFalse\n",
    );
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_with_the_nearest_names() {
    let code = "
api_key, best, helper = 'k', 1, len
def uses(): return best
def fails(function, *given, **options):
    try: print(function(*given, **options))
    except ValueError as error: print(error)
fails(snapcli.save, 'a.pkl', exclude='api_kye'); fails(snapcli.save, 'a.pkl', exclude=['best', 'api_kye'])
fails(snapcli.save, 'a.pkl', exclude='api_kye', wait=False)
fails(snapcli.save, 'a.pkl', include='bset'); fails(snapcli.save, 'a.pkl', exclude_type='strr')
fails(snapcli.save, None, {'part': uses}, exclude='api_kye')
print(os.path.exists('a.pkl'))
# A dict is filtered as well; a pattern may match the globals of its functions.
part = {'uses': uses, 'x': 'y', '_z': 3}
print(snapcli.save('b.pkl', part, exclude=['_z', 'helper'], exclude_type='str').saved, end=' ')
print(snapcli.save('b.pkl', part, exclude='_z').saved)
print(snapcli.save('b.pkl', part, include='x').saved, snapcli.save('b.pkl', part).saved)
print('api_key' in snapcli.save('a.pkl', exclude=['api_k*', 'os.environ'], include=['best', 'api_key']).saved)
fails(snapcli.load_dict, 'a.pkl', exclude='bset'); fails(snapcli.restore, 'a.pkl', exclude=['best', 'q*'], into={})
print(snapcli.load_dict('a.pkl', exclude='api_key'))
fails(snapcli.inspect, 'a.pkl', trace='bset')
";
    prints(
        &Sandbox::new(),
        code,
        "exclude=\"api_kye\" matches no variable of the session: did you mean api_key?\n\
         exclude=\"api_kye\" matches no variable of the session: did you mean api_key?\n\
         exclude=\"api_kye\" matches no variable of the session: did you mean api_key?\n\
         include=\"bset\" matches no variable of the session: did you mean best?\n\
         exclude_type=\"strr\" matches no type of the session: did you mean str?\n\
         exclude=\"api_kye\" matches no variable of the session: did you mean api_key?\n\
         False\n['best', 'uses'] ['best', 'uses', 'x']\n['x'] ['best', 'uses', 'x', '_z']\nFalse\n\
         exclude=\"bset\" matches no variable of a.pkl: did you mean best?\n\
         exclude=\"q*\" matches no variable of a.pkl\n{'best': 1}\n\
         trace=\"bset\" matches no variable of a.pkl: did you mean best?\n",
    );
}

#[test]
fn a_stream_and_a_script_are_no_targets() {
    let code = "
import sys
open('model.py', 'w').write('x = 1')
for target in ['/dev/stdout', '/dev/stderr', '/dev/fd/1', '/proc/self/fd/1', 'model.py']:
    try: print(snapcli.save(target))
    except ValueError as error: print(error)
print(open('model.py').read(), os.listdir('.'))
try: snapcli.load('a.pkl')
except TypeError as error: print(error)
";
    let stream =
        |name: &str| format!("cannot save to '{name}': pass a binary file object, such as sys.stdout.buffer\n");
    let streams = ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/1"].map(stream).concat();
    let expected = format!(
        "{streams}model.py is a script or a notebook, which a snapshot would replace: choose another name\n\
         x = 1 ['model.py']\n\
         the file must be a binary file object, as for dill.load: snapcli.load_dict reads a path\n"
    );
    prints(&Sandbox::new(), code, &expected);
}

#[test]
fn a_dash_is_no_file() {
    let code = "
import pathlib, sys
x = 1
def fails(*given):
    try: print(snapcli.save(*given))
    except ValueError as error: print(error)
fails('-'); fails(pathlib.Path('-')); fails('-', {'x': 1})
print(os.listdir('.'))
snapcli.save('./-'); print(os.listdir('.'))
";
    let told = "cannot save to '-': pass sys.stdout.buffer for standard output, or './-' for a file of that name\n";
    prints(&Sandbox::new(), code, &format!("{}[]\n['-']\n", told.repeat(3)));
}
