//! What owns something outside of its process (files that it deletes, shared memory, open archives, descriptors) is
//! left out by name, and neither `--verify` nor a restore touches it.

use std::fs;

use crate::env::{Sandbox, Stack, pythons, venv};

/// Every `live` name must be left out, and every `kept` one restored.
fn check(sandbox: &Sandbox, script: &str, live: &[&str], kept: &str) {
    sandbox.write("script.py", script);
    let save = sandbox.snapcli(&["save", "--verify", "script.py"]);
    save.assert_code(0);
    let json = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
    let named: Vec<String> =
        json["left_out"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(named, live, "{}", save.whole());
    sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", kept]).assert_code(0);
    let plain = format!("import dill\ndill.load_module('session.pkl')\n{kept}");
    sandbox.python(&["-c", &plain]).assert_code(0);
}

#[test]
fn temporary_files_and_shared_memory_survive_a_verified_save() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import tempfile, os, atexit
from multiprocessing import shared_memory
own = tempfile.NamedTemporaryFile('w+', dir='.')
closer = own._closer
folder = tempfile.TemporaryDirectory(dir='.')
kept = tempfile.NamedTemporaryFile('w+', dir='.', delete=False); kept.write('kept'); kept.flush()
gone = tempfile.NamedTemporaryFile('w+', dir='.'); gone.close()
memory = shared_memory.SharedMemory(create=True, size=16); memory.buf[0] = 7
several = shared_memory.ShareableList([1, 2])
spooled = tempfile.SpooledTemporaryFile(); spooled.write(b'abc'); spooled.seek(0)
nested = [1, {'log': own}]
class Holder: pass
holder = Holder(); holder.memory = memory
@atexit.register
def check():
    print(os.path.exists(own.name), os.path.exists(folder.name), memory.buf[0], list(several))
    for shared in (memory, several.shm): shared.close(); shared.unlink()
";
        let live = ["own", "closer", "folder", "gone", "memory", "several", "nested", "holder", "check"];
        sandbox.write("script.py", script);
        let save = sandbox.snapcli(&["save", "--verify", "script.py"]);
        assert!(save.out().contains("True True 7 [1, 2]"), "{}", save.whole());
        assert!(!save.err().contains("open for reading") || !save.err().contains("own:"), "{}", save.whole());
        let json = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
        for item in json["left_out"].as_array().unwrap() {
            assert!(live.contains(&item["name"].as_str().unwrap()), "{item}");
        }
        let kept = "assert kept.read() == '' and kept.name and spooled.read() == b'abc'";
        sandbox.snapcli(&["restore", "session.pkl", "-c", kept]).assert_code(0);
    }
}

#[test]
fn open_archives_and_databases_keep_their_contents() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import zipfile, tarfile, gzip, bz2, lzma, shelve, dbm.dumb, mailbox, wave, ctypes, io
zipped = zipfile.ZipFile('open.zip', 'w'); zipped.writestr('a', 'b')
closed = zipfile.ZipFile('closed.zip', 'w'); closed.writestr('a', 'b'); closed.close()
read = zipfile.ZipFile('closed.zip')
tar = tarfile.open('open.tar', 'w')
packed = [gzip.open('open.gz', 'wb'), 1]
packed2 = {'b': bz2.open('open.bz2', 'wb')}
packed3 = lzma.open('open.xz', 'wb')
database = dbm.dumb.open('database'); database['a'] = '1'; database.sync()
shelf = shelve.Shelf(dbm.dumb.open('shelf')); shelf['a'] = 1; shelf.sync()
in_memory = shelve.Shelf({}); in_memory['a'] = 5
mail = mailbox.mbox('mail')
sound = wave.open('open.wav', 'wb'); sound.setparams((1, 2, 8000, 0, 'NONE', 'none'))
library = ctypes.CDLL(None)
";
        // `packed` and `packed2` are kept, with a marker in place of the file.
        let live = ["zipped", "tar", "packed3", "database", "shelf", "mail", "sound", "library"];
        let kept = "
assert read.namelist() == ['a'] and closed.fp is None and in_memory['a'] == 5
import shelve, dbm.dumb
found = shelve.Shelf(dbm.dumb.open('shelf')); assert dict(found) == {'a': 1}; found['b'] = 2; found.close()
found = shelve.Shelf(dbm.dumb.open('shelf')); assert dict(found) == {'a': 1, 'b': 2}; del found['b']; found.close()
";
        check(&sandbox, script, &live, kept);
    }
}

#[test]
fn classes_whose_del_removes_something_are_left_out() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import os, io, pathlib
from os import remove
class Direct:
    def __init__(self, path): self.path = path; open(path, 'w').close()
    def __del__(self): os.remove(self.path)
class ByMethod:
    def __init__(self, path): self.path = path; open(path, 'w').close()
    def close(self): self._remove(self.path)
    @staticmethod
    def _remove(path): pathlib.Path(path).unlink()
    def __del__(self): self.close()
class ByDefault:
    def __init__(self, path): self.path = path; open(path, 'w').close()
    def __del__(self, _remove=os.unlink): _remove(self.path)
class ByImport(ByDefault):
    def __del__(self): remove(self.path)
def forget(path): os.rmdir(path)
class ByFunction:
    def __init__(self, path): self.path = path; os.mkdir(path)
    def __del__(self): forget(self.path)
class Descriptor:
    def __init__(self): self.fd = os.dup(1)
    def __del__(self): os.close(self.fd)
class Harmless:
    def __init__(self): self.file = io.BytesIO(b'x'); self.all = [1]
    def __del__(self):
        if os.path.exists('/nowhere'): self.all.remove(1)
        self.file.close()
class Careful(Direct):
    def __del__(self):
        if self.path: os.remove(self.path)
    def __getstate__(self): return {'path': None}
    def __setstate__(self, state): self.__dict__.update(state)
a, b, c, d, e = Direct('a'), ByMethod('b'), ByDefault('c'), ByImport('d'), ByFunction('e')
fd = Descriptor()
harmless, careful = Harmless(), Careful('f')
import atexit
@atexit.register
def check():
    assert all(map(os.path.exists, 'abcdef')), os.listdir()
    print('all there')
";
        let live = ["a", "b", "c", "d", "e", "fd"];
        let kept = "assert harmless.all == [1] and careful.path is None";
        check(&sandbox, script, &live, kept);
        assert_eq!(
            fs::read_dir(sandbox.work())
                .unwrap()
                .filter(|entry| { entry.as_ref().unwrap().file_name().len() == 1 })
                .count(),
            0
        );
        let save = sandbox.snapcli(&["save", "--verify", "script.py"]);
        assert!(save.out().contains("all there"), "{}", save.whole());
        assert!(save.err().contains("whose `Direct.__del__` removes files (`os.remove`)"), "{}", save.whole());
    }
}

/// A load that fails half-way frees nothing that has a `__del__`.
#[test]
fn no_finalizer_runs_on_an_object_that_is_half_made() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("helper.py", "class Part: pass\n");
        sandbox.write(
            "script.py",
            "
import helper
class Owner:
    def __init__(self): self.first = [1]; self.part = helper.Part(); self.name = 'set last'
    def __del__(self): print('finalized', self.__dict__.get('name'))
owner = Owner()
n = 1
",
        );
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        fs::remove_file(sandbox.work().join("helper.py")).unwrap();
        let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "import gc; _ = gc.collect(); print(n)"]);
        run.assert_stdout("1\n");
        assert!(run.err().contains("owner") && !run.err().contains("__del__"), "{}", run.whole());
    }
}

#[test]
fn an_http_error_comes_back_without_its_connection() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import http.server, threading, urllib.request, urllib.error
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = 'http://127.0.0.1:%d/' % server.server_port
response = urllib.request.urlopen(url)
read = urllib.request.urlopen(url); read.read()
try: urllib.request.urlopen(url + 'nowhere')
except urllib.error.HTTPError as error: failed = error
results = {'ok': 1, 'failed': failed}
";
        let kept = "
assert results['failed'] is failed and failed.code == 404 and failed.url.endswith('nowhere'), failed.url
assert failed.read() == b'' and failed.headers['Content-Type'] and read.status == 200 and read.isclosed()
";
        check(&sandbox, script, &["server", "response"], kept);
    }
}
