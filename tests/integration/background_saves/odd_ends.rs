//! A process that saves in the background and is killed, hangs, or outlives its program: nothing is lost, nothing
//! half-written is seen, and nothing is left behind.

use super::{PRELUDE, prints};
use crate::env::{Sandbox, Stack, main_python, pythons, venv};

/// `Ends(how)` is an object that ends the process which saves it in the background.
const ENDS: &str = r"
class Ends:
    def __init__(self, how): self.how = how
    def __reduce__(self):
        if os.getpid() == here: return str, (self.how,)
        if self.how == 'hangs': lock = threading.Lock(); lock.acquire(); lock.acquire()
        if self.how == 'exits': os._exit(0)
        if self.how == 'aborts': os.abort()
        os.kill(os.getpid(), signal.SIGKILL)
def left(): return sorted(name for name in os.listdir() if name.startswith('.')), sorted(
    name for part in ('objects', 'snapshots') for name in os.listdir('runs.snaps/' + part) if name.startswith('.'))
big = bytes(9_000_000)
";

#[test]
fn what_a_killed_or_hanging_process_did_not_save_is_saved_again() {
    for python in pythons() {
        let code = "
os.environ['SNAPCLI_BACKGROUND_LIMIT'] = '0.5'
print(snapcli.save('runs.snaps/', {'first': 1}).path, snapcli.save('a.pkl', {'first': 1}).path)
for how in ('killed', 'exits', 'aborts', 'hangs'):
    for target in ('a.pkl', 'runs.snaps/', None):
        report = snapcli.save(target, {'big': big, 'x': [1], 'ends': Ends(how)}, wait=False, check=False).result()
        print(how, report.path, report.saved[-3:], [note for note in report.notes if note.startswith('saved')], left())
        data = report.data if target is None else target
        print(snapcli.load_dict(data, trust=True)['ends'])
# After three that hung, it tries no more.
print(snapcli.save('a.pkl', {'x': 1}, wait=False).result().notes)
";
        let mut expected = "runs.snaps/@1 a.pkl\n".to_owned();
        for (number, how) in ["killed", "exits", "aborts", "hangs"].iter().enumerate() {
            let what = if *how == "hangs" { "hung" } else { "was killed" };
            for path in ["a.pkl".to_owned(), format!("runs.snaps/@{}", number + 2), "None".to_owned()] {
                expected += &format!(
                    "{how} {path} ['big', 'x', 'ends'] ['saved in the foreground: the process that saved in the \
                     background {what}; the session was saved again'] ([], [])\n{how}\n"
                );
            }
        }
        expected += "['saved in the foreground: the last 3 saves in the background hung']\n";
        prints(&Sandbox::with(venv(python, Stack::Dill)), &format!("{ENDS}{code}"), &expected);
    }
}

#[test]
fn it_is_saved_again_by_whatever_comes_first() {
    let again = |last: &str| {
        format!(
            "{ENDS}
x = 1; ends = Ends('killed')
job = snapcli.save('a.pkl', wait=False, check=False)
x = 2
{last}
"
        )
    };
    let read = "back = snapcli.load_dict('a.pkl', trust=True); print(back['x'], back['ends'])\n";
    let cases = [
        ("while not job.done(): pass", ""),
        ("while job.report is None: pass", ""),
        ("", ""),
        ("until_ended = [job.done() for _ in iter(lambda: job.done(), True)]; snapcli.save('b.pkl')", ""),
        (
            "snapcli.save('b.pkl', wait=False); print(job)",
            "<snapcli.BackgroundSave to a.pkl: saved 10 variables and 9 imports>\n",
        ),
    ];
    for (python, (last, expected)) in pythons().iter().flat_map(|python| cases.map(|case| (python, case))) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        prints(&sandbox, &again(last), expected);
        prints(&sandbox, read, "2 killed\n");
        assert_eq!(sandbox.work().join("b.pkl").exists(), last.contains("b.pkl"), "{last}");
    }
}

#[test]
fn an_error_that_nobody_asked_for_is_printed_at_the_end() {
    let code = "
class Stops:
    def __reduce__(self): raise KeyboardInterrupt('stop')
snapcli.save('x.pkl', {'x': Stops()}, wait=False, check=False)
";
    let run = Sandbox::new().call_importing(&["-c", &format!("{PRELUDE}{code}")]).run();
    assert!(run.err().contains("KeyboardInterrupt: stop"), "{}", run.whole());
}

#[test]
fn ctrl_c_in_the_terminal_does_not_end_it() {
    // The signal goes to the whole group.
    let code = "
x = 5; waits = Waits()
job = snapcli.save('a.pkl', wait=False, check=False)
until('waiting')
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, lambda *_: print('in the program'))
    os.killpg(0, number)
try: job.result(0.1)
except TimeoutError: pass
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=lambda: (time.sleep(0.1), os.killpg(0, signal.SIGINT))).start()
try: job.result()
except KeyboardInterrupt: print('interrupted')
make('go')
report = job.result()
print(report.path, report.notes, snapcli.load_dict('a.pkl', 'x'))
";
    for python in pythons() {
        prints(
            &Sandbox::with(venv(python, Stack::Dill)),
            code,
            &format!("{}interrupted\na.pkl [] {{'x': 5}}\n", "in the program\n".repeat(4)),
        );
    }
}

#[test]
fn a_program_that_is_killed_leaves_a_process_that_ends_its_save() {
    let sandbox = Sandbox::new();
    let code = "
x = 5; waits = Waits()
job = snapcli.save('a.pkl', wait=False, check=False)
until('waiting')
os.kill(here, signal.SIGKILL)
";
    sandbox.call_importing(&["-c", &format!("{PRELUDE}{code}")]).run();
    prints(&sandbox, "make('go'); until('a.pkl'); print(snapcli.load_dict('a.pkl', 'x'))\n", "{'x': 5}\n");
}

#[test]
fn pipes_that_the_program_closes_are_closed() {
    let code = "
import socket, subprocess
waits = Waits()
sort = subprocess.Popen(['sort'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
ours, theirs = socket.socketpair()
sort.stdin.write('b\\na\\n')
job = snapcli.save('a.pkl', wait=False, check=False)
until('waiting')
sort.stdin.close(); theirs.close()
# Both would wait for the process that saves.
print(sort.stdout.read().split(), ours.recv(10))
make('go')
print(sorted(job.result().lost))
";
    prints(&Sandbox::new(), code, "['a', 'b'] b''\n['ours', 'sort', 'theirs']\n");
}

#[test]
fn a_program_that_closes_all_descriptors_goes_on_and_the_session_is_saved() {
    let code = "
held = io.BytesIO()
for target in ('a.pkl', held, None):
    values = {'xs': list(range(1000)), 'waits': Waits()}
    job = snapcli.save(target, values, wait=False) if target else snapcli.save('b.pkl', values, wait=False)
    until('waiting')
    os.remove('waiting')
    os.closerange(3, 1024)
    # The numbers belong to other files now.
    mine = [os.open('mine', os.O_RDWR | os.O_CREAT)]
    mine += [os.dup2(mine[0], number) for number in range(500, 1024)]
    report = job.result()
    print('xs' in report.saved, 'closed the descriptors' in str(report), all(os.fstat(one) for one in mine))
    for one in mine: os.close(one)
print(snapcli.load_dict('a.pkl', trust=True)['xs'][-1])
";
    prints(
        &Sandbox::with(venv(main_python(), Stack::Dill)),
        code,
        "True True True\nTrue True True\nTrue True True\n999\n",
    );
}

#[test]
fn a_stopped_process_counts_as_one_that_hung() {
    let code = "
class Stops:
    def __reduce__(self):
        if os.getpid() != here: os.kill(os.getpid(), signal.SIGSTOP)
        return Stops, ()
os.environ['SNAPCLI_BACKGROUND_LIMIT'] = '2'
job = snapcli.save('a.pkl', {'stops': Stops()}, wait=False)
print('in the background hung' in str(job.result()))
";
    prints(&Sandbox::with(venv(main_python(), Stack::Dill)), code, "True\n");
}
