//! Where credentials can be in a session: one row for each place. `save` warns of each, no command shows one, and with
//! `--redact` none is in the file. What only looks like a credential to a search for words is kept, without a warning.

use std::fs;

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

/// What all rows may use.
const HEAD: &str = "
import argparse, collections, configparser, dataclasses, enum, functools, http.cookies, http.cookiejar, os, re, types
import typing, urllib.parse, urllib.request
class Plain: pass
class Slots: __slots__ = ('user', 'password')
@dataclasses.dataclass
class Login: user: str; password: str
class Named(typing.NamedTuple):
    user: str
    password: str
class Extended(collections.namedtuple('Extended', 'user password')): pass
class Field(str, enum.Enum):
    PASSWORD = 'password'
class Text(str): pass
def instance(cls, **attributes):
    made = cls()
    for name, value in attributes.items(): setattr(made, name, value)
    return made
def cookie():
    rest = dict(port=None, port_specified=False, domain='example.org', domain_specified=True, domain_initial_dot=False)
    more = dict(path='/', path_specified=True, secure=True, expires=None, discard=False, comment=None)
    return http.cookiejar.Cookie(0, 'sid', SECRET, **rest, **more, comment_url=None, rest={})
def config(text):
    parser = configparser.ConfigParser(); parser.read_string(text); return parser
def parser():
    made = argparse.ArgumentParser(); made.add_argument('--password', default=SECRET); return made
";

/// Expressions for values that contain `SECRET`; each becomes a variable.
const PLACES: &str = "
dict_value | {'password': SECRET}
nested_dict | {'db': {'user': 'bob', 'api_key': SECRET}}
list_of_pairs | [('user', 'bob'), ('password', SECRET)]
tuple_of_pairs | (('user', 'bob'), ('password', SECRET))
list_of_lists | [['user', 'bob'], ['password', SECRET]]
set_of_pairs | {('user', 'bob'), ('password', SECRET)}
frozenset_of_pairs | frozenset({('password', SECRET)})
deque_of_pairs | collections.deque([('password', SECRET)])
deep_list | [[[[('token', SECRET)]]]]
under_name | {'secret': [SECRET, SECRET]}
bytes_key | {b'password': SECRET}
bytes_value | {'password': SECRET.encode()}
bytearray_value | {'password': bytearray(SECRET.encode())}
enum_key | {Field.PASSWORD: SECRET}
subclass_of_str | {'password': Text(SECRET)}
name_and_value | [{'name': 'API_KEY', 'value': SECRET}]
key_and_value | {'key': 'client_secret', 'value': SECRET}
short_key | {'host': 'db', 'user': 'bob', 'pwd': SECRET}
short_pass | {'username': 'bob', 'pass': SECRET}
header_bearer | {'Authorization': 'Bearer ' + SECRET}
header_basic | {'Proxy-Authorization': 'Basic dXNlcjpodW50ZXIy'}
header_cookie | {'Cookie': 'sid=' + SECRET}
header_list | [('X-Api-Key', SECRET)]
header_text | 'GET / HTTP/1.1\\r\\nHost: h\\r\\nCookie: sid=' + SECRET + '\\r\\n'
header_line | 'Authorization: Bearer ' + SECRET * 2
url | 'https://bob:' + SECRET + '@example.org/x'
url_bytes | ('https://bob:' + SECRET + '@example.org/x').encode()
url_in_list | ['http://ok', 'postgres://bob:' + SECRET + '@db/x']
url_split | urllib.parse.urlsplit('https://bob:' + SECRET + '@example.org/x')
url_query | 'https://example.org/?access_token=' + SECRET + '&page=2'
url_signed | 'https://x.blob.example.org/a?sv=2021&se=2026&sig=' + SECRET
url_request | urllib.request.Request('https://example.org', headers={'Authorization': 'Bearer ' + SECRET})
connection | 'Server=db;Database=x;User Id=bob;Password=' + SECRET + ';'
connection_pwd | 'Driver={x};Server=db;Uid=bob;Pwd=' + SECRET + ';'
connection_key | 'DefaultEndpointsProtocol=https;AccountName=x;AccountKey=' + SECRET + ';'
dsn_text | 'host=db user=bob password=' + SECRET
json_text | '{\"user\": \"bob\", \"password\": \"' + SECRET + '\"}'
configuration | '[db]\\nuser = bob\\npassword = ' + SECRET + '\\n'
yaml | 'db:\\n  password: ' + SECRET + '\\n'
shell_line | 'PGPASSWORD=' + SECRET + ' psql -h db'
pg_variable | {'PGPASSWORD': SECRET}
key_in_query | 'https://example.org/v1?key=' + SECRET
webhook | 'https://hooks.slack.com/services/T000/B000/' + SECRET
auth_header | {'auth_header': 'Bearer ' + SECRET}
pattern | re.compile('https://bob:' + SECRET + '@example')
login_argument | ['curl', '-u', 'bob:' + SECRET, 'https://example.org']
login_command | 'curl -u bob:' + SECRET + ' https://example.org'
argument_list | ['run', '--password', SECRET]
option_in_text | 'run --db-password ' + SECRET + ' --fast'
mysql_command | 'mysql -uroot -p' + SECRET + ' db'
mysql_words | ['sudo', '/usr/bin/mysqldump', '-p' + SECRET, 'db']
sshpass_words | ('sshpass', '-p', SECRET, 'ssh', 'host')
tuple_key | {('db', 'password'): SECRET, ('db', 'host'): 'h'}
tuple_key_first | {('api_key', 'production'): SECRET}
nested_tuple_key | {('prod', ('db', 'token')): SECRET}
api_keys | {'service': SECRET}
several_passwords | {'passwords': ['x', SECRET]}
mysecrets | [SECRET, 'b']
db_credentials | {'bob': SECRET}
environment_list | ['PATH=/bin', 'API_TOKEN=' + SECRET]
dataclass_two | Login('h', SECRET)
auth | ('bob', SECRET)
session_auth | instance(Plain, auth=('bob', SECRET))
attribute | instance(Plain, password=SECRET)
attribute_deep | instance(Plain, config=instance(Plain, token=SECRET))
slot | instance(Slots, password=SECRET)
dataclass_field | Login('bob', SECRET)
named_tuple | Named('bob', SECRET)
named_tuple_subclass | Extended('bob', SECRET)
namespace | argparse.Namespace(host='x', password=SECRET)
simple_namespace | types.SimpleNamespace(api_key=SECRET)
argument_parser | parser()
config_parser | config('[db]\\npassword = ' + SECRET)
ordered | collections.OrderedDict(password=SECRET)
default_dict | collections.defaultdict(str, password=SECRET)
chain | collections.ChainMap({'password': SECRET})
user_dict | collections.UserDict(password=SECRET)
environment | dict(os.environ, OTHER=SECRET)
environment_part | {'PATH': '/bin', 'AWS_SECRET_ACCESS_KEY': SECRET}
simple_cookie | http.cookies.SimpleCookie('sid=' + SECRET)
cookie_object | cookie()
browser_cookies | [{'name': 'sid', 'value': SECRET, 'domain': 'example.org', 'path': '/'}]
partial | functools.partial(print, password=SECRET)
exception | ConnectionError('cannot connect to postgres://bob:' + SECRET + '@db')
";

/// Definitions, and the variable that holds the credential of each.
const DEFINITIONS: &str = "
def with_default(host, password=SECRET): return host
def with_keyword(*, password=SECRET): return 1
def outer(password): return lambda: password
closure = outer(SECRET)
def attributed(): pass
attributed.token = SECRET
class Config: secret_key = SECRET
class Child(Config): pass
child = Child()
class Keys(enum.Enum): API_KEY = SECRET
member = Keys.API_KEY
@dataclasses.dataclass
class Fields: password: str = SECRET
class Factory(typing.NamedTuple):
    user: str
    password: str = SECRET
class Method:
    def connect(self, password=SECRET): pass
bound = Method().connect
class Static:
    @staticmethod
    def connect(*, api_key=SECRET): pass
async def coroutine(password=SECRET): pass
def generator(password=SECRET): yield 1
";
const DEFINED: [&str; 14] = [
    "with_default",
    "with_keyword",
    "closure",
    "attributed",
    "Config",
    "child",
    "Keys",
    "member",
    "Fields",
    "Factory",
    "bound",
    "Static",
    "coroutine",
    "generator",
];

/// What must not cause a warning.
const ORDINARY: &str = "
token_count = 3
n_tokens = 'twelve-12 tokens in all'
keyboard = 'qwerty-us-1234567890'
author = 'Ada Lovelace <ada@example.org>'
authors = ('Ada', 'Charles')
monkey = donkey = 'a1b2c3d4e5f6g7h8'
usage = {'prompt_tokens': 5, 'completion_tokens': 7, 'token_count': '12-a'}
options = [{'name': 'learning_rate', 'value': '1e-3'}, {'name': 'password', 'default': 'changeme'}]
form = [{'name': 'password', 'type': 'text', 'value': ''}]
places = {'path': '/usr/bin', 'value': 'x-1', 'pwd': '/home/ada'}
shell = 'PWD=/home/ada;HOME=/home/ada'
prose = 'The password:\\nit should have 12 letters\\nsecret: none\\npassword = input()\\n'
query = 'https://example.org/?key=value&page=2'
header = {'header': 'a-1', 'phrase': 'once upon 1 time', 'license': 'MIT-0'}
words = [['the', 'secret'], ['a', 'token'], ('next', 'word')]
split = urllib.parse.urlsplit('https://ada@example.org:8080/x')
signature = 'f(a: int, b: str) -> None'
auth_method = ('basic', 'digest')
auth = ('basic', 'digest')
where = {'user': 'ada', 'pwd': '/home/ada/project-1'}
docker = ['docker', 'run', '-u', '1000:1000', '--user', 'ada:staff']
labels = collections.deque(['secret', 'public'])
pattern_of_urls = re.compile('https?://[^:]+:[^@]+@')
table = {'cookie': 'chocolate chip', 'author': 'bob', 'key': 'value-1'}
parsed = argparse.Namespace(tokenizer='bert-base-1', max_tokens=512, key_column='id-1')
class Kind(enum.Enum):
    TOKEN = 'token'
    PASSWORD = 'password'
failed = ValueError('the password is too short')
tokens = ['the', 'cat', 'python3', 'https://example.org/page1', 'internationalization2']
key = 'value-1'
keys = ['alpha-1', 'beta-2', 'a1b2c3d4e5f6g7h8']
password_length = 12
limits = {('password', 'length'): 12, ('password', 'min'): '8 letters', ('db', 'key'): 'a-1', (0, 1): 'x'}
foreign_keys = ['customer_id_0001', 'order_id_00000002']
public_keys = ['ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7']
trade_secrets = ['recipe', 'blend']
api_keys_of = {'openai': 'OPENAI_API_KEY'}
api_keys = {'openai': 'OPENAI_API_KEY', 'other': '/run/secrets/other'}
cookies = ['oatmeal-1', 'ginger-22222222222']
special_tokens = {'pad': '[PAD]', 'eos': '</s>'}
commands = ['mkdir -p /tmp/dir1', 'ssh -p 2222 host1', 'mysql -p db1', 'psql -p5432', 'tool --password PASSWORD']
words_of_commands = [['docker', 'run', '-p', '8080:80'], ['mkdir', '-p', '/tmp/dir1'], ['mysql', '-p', 'db1']]
@dataclasses.dataclass
class TwoFields: password: str; host: str
class TwoSlots: __slots__ = ('token', 'a1b2c3d4e5f6g7h8')
";

/// The names and the script of all places. The credential comes from the environment, so it is no constant of any code.
fn script() -> (Vec<String>, String) {
    let rows: Vec<(&str, &str)> = PLACES.lines().filter_map(|row| row.split_once(" | ")).collect();
    assert!(rows.len() > 50);
    let assigned: String = rows.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    let names = rows.iter().map(|(name, _)| *name).chain(DEFINED).map(str::to_owned).collect();
    let secret = "SECRET = os.environ.pop('PLACED')\n";
    (names, format!("import os\n{secret}{HEAD}{assigned}{DEFINITIONS}del SECRET\n"))
}

const SECRET: &str = "tr0ub4dor-hunter2";

fn save(sandbox: &Sandbox, options: &[&str], script: &str) -> Run {
    sandbox.write("script.py", script);
    sandbox.call_snapcli(&[&["save"], options, &["script.py"]].concat()).env("PLACED", SECRET).run()
}

fn warned(run: &Run) -> Vec<String> {
    let lines = run.err();
    let names = lines.lines().filter_map(|line| line.strip_prefix("snapcli: warning: ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

fn assert_without(bytes: &[u8], what: &str) {
    for secret in [SECRET, "dXNlcjpodW50ZXIy"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{what}");
    }
}

/// All that the commands print of a file.
fn shown(sandbox: &Sandbox, file: &str, names: &[String]) -> String {
    let ways: [&[&str]; 6] = [
        &["inspect", "--all"],
        &["inspect", "--json", "--verdict"],
        &["inspect", "--html", "-"],
        &["inspect", "--format", "github"],
        &["restore", "--list"],
        &["verify", "--json"],
    ];
    let mut all: String = ways.iter().map(|way| sandbox.snapcli(&[*way, &[file]].concat()).out()).collect();
    for name in names {
        all += &sandbox.snapcli(&["inspect", "--trace", name, file]).out();
    }
    all
}

#[test]
fn a_credential_is_warned_of_and_never_shown_wherever_it_is() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let (names, script) = script();
    let run = save(&sandbox, &["--report", "report.json"], &script);
    run.assert_code(0);
    let found = warned(&run);
    let missed: Vec<_> = names.iter().filter(|name| !found.contains(name)).collect();
    assert!(missed.is_empty(), "{missed:?}\n{}", run.err());
    let report = fs::read(sandbox.work().join("report.json")).unwrap();
    assert_without(&report, "the report");
    assert_without(run.err().as_bytes(), "the messages");
    assert_without(shown(&sandbox, "session.pkl", &names).as_bytes(), "what is shown");
    // A stranger sees no more.
    let stranger = |arguments: &[&str]| sandbox.call_snapcli(arguments).env("SNAPCLI_KEY", "a stranger's key 1").run();
    assert_without(stranger(&["inspect", "--all"]).out().as_bytes(), "what a stranger sees");
    for name in &names {
        let traced = stranger(&["inspect", "--trace", name]);
        assert_without(traced.out().as_bytes(), &format!("{name}: {}", traced.out()));
    }
}

#[test]
fn a_redacted_file_has_no_credential_wherever_it_was() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let (_, script) = script();
        let run = save(&sandbox, &["--redact", "--report", "report.json"], &script);
        run.assert_code(0);
        assert_without(&fs::read(sandbox.work().join("session.pkl")).unwrap(), &run.whole());
        assert_without(&fs::read(sandbox.work().join("report.json")).unwrap(), "the report");
        // The snapshot of a crash, with the locals of its frames.
        let failing = "import os\nSECRET = os.environ.pop('PLACED')\n\
                       def fails(password, url, pairs):\n    header = {'Authorization': 'Bearer ' + password}\n    \
                       raise ValueError('no connection to ' + url)\n\
                       fails(SECRET, 'https://bob:' + SECRET + '@h', [('token', SECRET)])\n";
        let crash = save(&sandbox, &["--redact", "-o", "failed.pkl"], failing);
        crash.assert_code(1);
        assert_without(&fs::read(sandbox.work().join("failed.crash.pkl")).unwrap(), &crash.whole());
    }
}

#[test]
fn what_only_sounds_like_a_credential_is_kept() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let run = save(&sandbox, &["--redact"], &format!("import os; os.environ.pop('PLACED')\n{HEAD}{ORDINARY}"));
    run.assert_code(0);
    assert!(!run.err().contains("credential"), "{}", run.err());
}

/// Values of libraries, which the rest of the table does not need.
const OF_LIBRARIES: &str = "
import os; SECRET = os.environ.pop('PLACED')
import numpy as np, pandas as pd
frame = pd.DataFrame({'user': ['bob'], 'password': [SECRET]})
later = pd.DataFrame({'user': ['bob', 'ann'], 'password': [None, SECRET]})
series = pd.Series([SECRET], name='api_key')
labelled = pd.Series({'user': 'bob', 'password': SECRET})
of_levels = pd.Series({('db', 'user'): 'bob', ('db', 'password'): SECRET})
rows = pd.DataFrame({'value': ['bob', SECRET]}, index=['user', 'api_key'])
columns = pd.DataFrame([[1, SECRET]], columns=pd.MultiIndex.from_tuples([('db', 'port'), ('db', 'password')]))
twice = pd.DataFrame([['bob', None, SECRET]], columns=['user', 'password', 'password'])
of_dicts = pd.DataFrame({'user': ['bob'], 'login': [{'password': SECRET}]})
series_of_dicts = pd.Series(['bob', {'db': {'api_key': SECRET}}])
held = {'frames': [pd.DataFrame({'password': [SECRET]})]}
array = np.array(['x', 'https://bob:' + SECRET + '@h'])
passwords = {'password': np.array([SECRET])}
records = np.array([('bob', SECRET)], dtype=[('user', 'U9'), ('password', 'U40')])
del SECRET
";

/// Values of libraries that must not cause a warning.
const ORDINARY_OF_LIBRARIES: &str = "
import pandas as pd, numpy as np
frame = pd.DataFrame({'token_count': ['a-1'], 'author': ['b-2']})
series = pd.Series(['x-1'], name='keyboard')
counts = pd.Series({'password': 3, 'token': 5, 'the': 7})
tokens = pd.DataFrame({'tokens': [['a-1']]})
of_dicts = pd.DataFrame({'row': [{'password': 'string', 'pwr': 'a1b2c3'}, None, 'x']})
described = pd.DataFrame({'type': ['str'], 'help': ['8 letters or more']}, index=['password'])
fields = np.zeros(2, [('n_tokens', 'i4')])
";

#[test]
fn columns_series_and_fields_with_credentials_are_found() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let names = [
        "frame",
        "later",
        "series",
        "labelled",
        "of_levels",
        "rows",
        "columns",
        "twice",
        "of_dicts",
        "series_of_dicts",
        "held",
        "array",
        "passwords",
        "records",
    ]
    .map(str::to_owned);
    let run = save(&sandbox, &[], OF_LIBRARIES);
    run.assert_code(0);
    assert_eq!(warned(&run), names, "{}", run.err());
    assert_without(shown(&sandbox, "session.pkl", &names).as_bytes(), "what is shown");
    let run = save(&sandbox, &["--redact"], OF_LIBRARIES);
    assert_without(&fs::read(sandbox.work().join("session.pkl")).unwrap(), &run.whole());
    let run = save(&sandbox, &["--redact"], ORDINARY_OF_LIBRARIES);
    assert!(!run.err().contains("credential"), "{}", run.err());
}
