//! Strings and names that are credentials, and ordinary ones that must cause no warning.

use super::*;

#[test]
fn names_of_credentials_are_found() {
    for name in [
        "password",
        "DB_PASSWORD",
        "dbPassword",
        "api_key",
        "openaiApiKey",
        "apikey",
        "client_secret",
        "AWS_SECRET_ACCESS_KEY",
        "aws_access_key_id",
        "private_key",
        "auth_token",
        "_credentials",
        "password_",
        "_secret_value",
        "password2",
        "DB_PASSWORD_1",
        "password_old",
        "api_key2_backup",
        "db_creds",
    ] {
        assert!(reason_in_name(name, "hunter2").is_some(), "{name}");
    }
    assert!(reason_in_name("token", "9f86d081884c7d659a2feaa0").is_some());
    assert!(reason_in_name("token", "obj-hunter2").is_some());
    assert!(reason_in_name("token", "s3cr3t").is_some() && reason_in_name("token", "a1B2c3").is_some());
}

#[test]
fn ordinary_names_cause_no_warning() {
    for name in [
        "tokens",
        "tokenizer",
        "token_count",
        "secret_santa",
        "secretary",
        "password_field_label",
        "key",
        "keyboard",
        "primary_key",
        "pad_token",
        "next_token",
        "passwords_seen",
        "value",
        "id",
        "pwr",
        "passage",
        "bearing",
        "pinned",
        "first_pass",
        "bypass",
        "code",
        "zip_code",
        "compass",
    ] {
        assert_eq!(reason_in_name(name, "value1"), None, "{name}");
    }
    assert_eq!((reason_in_name("token", "the"), reason_in_name("password", "")), (None, None));
    assert_eq!(reason_in_name("token", "internationalization"), None);
    assert_eq!((reason_in_name("token", "python3"), reason_in_name("token", "2nd")), (None, None));
    for (name, value) in [
        ("token", "covid-19x"),
        ("password", "string"),
        ("PASSWORD", "DB_PASSWORD"),
        ("PASSWORD", "password"),
        ("password", "<password>"),
        ("credentials", "service.json"),
        ("private_key", "~/.ssh/keys/id_rsa"),
        ("client_secret", "/run/secrets/client"),
        ("cookie", "chocolate chip"),
        ("authorization", "required"),
        ("pwd", "/home/ada1"),
        ("pwd", "C:\\work1"),
        ("pw", "2.5"),
        ("pw", "power"),
        ("pass", "second"),
        ("pin_code", "560001"),
        ("cookies", "chocolate-chip"),
        ("Authorization", "the user must be an admin"),
    ] {
        assert_eq!(reason_in_name(name, value), None, "{name}: {value}");
    }
    for (name, value) in [
        ("Cookie", "session=a1b2"),
        ("Set-Cookie", "id=a3; Path=/"),
        ("Authorization", "Basic dXNlcjpwYXNz"),
        ("Authorization", "Token abc"),
        ("Proxy-Authorization", "a1B2c3D4e5F6g7H8"),
        ("password", "/run/secrets/x.json"),
        ("pw", "tr0ub4dor"),
        ("db_pwd", "hunter2!"),
        ("bpw", "hunter2"),
        ("pass", "hunter2"),
        ("db_pass", "hunter2"),
        ("pin_code", "a4711b"),
        ("passwort", "geheim"),
        ("mot_de_passe", "ouvre-toi"),
        ("cookies", "a1B2c3D4e5F6g7H8"),
    ] {
        assert!(reason_in_name(name, value).is_some(), "{name}: {value}");
    }
    let number = |name, number| reason_in_number(name, Some(number)).is_some();
    assert!(number("password", 12_345_678) && number("db_passwd", -4321));
    assert!(!number("password", 17) && !number("token", 50_256) && !number("password_count", 12_345));
    assert!(reason_in_name("password", "12345678").is_some() && reason_in_name("password", "$ecret1").is_some());
}

#[test]
fn values_of_credentials_are_found() {
    let random = "a1B2c3D4e5F6g7H8i9J0".repeat(3);
    let values = [
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "an AWS access key"),
        (format!("ghp_{}", &random[..36]), "a GitHub token"),
        (format!("github_pat_{random}"), "a GitHub token"),
        (format!("token=xoxb-{random}"), "a Slack token"),
        (format!("sk-ant-{random}"), "an API key"),
        (format!("Bearer eyJhbGciOiJIUzI1.{random}.{random}"), "a JSON Web Token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII".to_owned(), "a private key"),
        ("postgres://bob:hunter2@db/x".to_owned(), "a URL with a password"),
        ("see https://:pw@host:80 there".to_owned(), "a URL with a password"),
        ("Authorization: Basic dXNlcjpwYXNz".to_owned(), "an authorization header"),
        ("host=db user=bob password=hunter2".to_owned(), "a value of 'password'"),
        ("Server=x;Password='hunter2';Timeout=3".to_owned(), "a value of 'password'"),
        ("https://h/?access_token=abcd1&x=1".to_owned(), "a value of 'token'"),
        ("{\"user\": \"bob\", \"password\": \"hunter2\"}".to_owned(), "a value of 'password'"),
        (format!("password=hunter2{}", "x".repeat(3000)), "a value of 'password'"),
        ("GET / HTTP/1.1\r\nHost: h\r\nCookie: sid=a1\r\n".to_owned(), "a value of 'cookie'"),
        ("Authorization: Token hunter2".to_owned(), "a value of 'authorization'"),
        ("Server=db;Database=x;Uid=bob;Pwd=hunter2;".to_owned(), "a value of 'password'"),
        ("https://x.blob.net/a?sv=2021&se=2026&sig=hunter2%3D".to_owned(), "a value of 'signature'"),
        ("https://h/v1?key=hunter2hunter2hunter2".to_owned(), "a value of 'key'"),
        ("[db]\nuser = bob\npassword = tr0ub4dor-hunter2\n".to_owned(), "a value of 'password'"),
        ("export API_KEY=tr0ub4dor-hunter2\nexport X=1".to_owned(), "a value of 'api key'"),
        ("PGPASSWORD=hunter2 psql".to_owned(), "a value of 'password'"),
        ("db:\n  user: bob\n  password: hunter2\n".to_owned(), "a value of 'password'"),
        ("- api_key: \"k3y\"\n- x: 1".to_owned(), "a value of 'api key'"),
        ("curl -u bob:hunter2 https://h".to_owned(), "the password of -u"),
        ("DB_HOST=x\nDB_PASSWORD=hunter2\n".to_owned(), "a value of 'password'"),
        ("machine h login bob password hunter".to_owned(), "a password of .netrc"),
        ("machine h\n  login bob\n  password hunter\n".to_owned(), "a password of .netrc"),
        (format!("https://{}@github.com/x", &random[..20]), "a URL with a token"),
        (format!("SG.{}.{}", &random[..22], &random[..43]), "an API key"),
        ("https://hooks.slack.com/services/T00/B00/a1B2c3D4e5F6".to_owned(), "the address of a webhook"),
    ];
    for (string, what) in values {
        assert_eq!(reason_in_value(&string).as_deref(), Some(format!("contains {what}").as_str()), "{string}");
    }
}

#[test]
fn ordinary_values_cause_no_warning() {
    for string in [
        "sk-learn",
        "ask-me-anything-about-it-please",
        "eyJ",
        "AKIA",
        "hf_transformers",
        "a.b.c",
        "-----BEGIN CERTIFICATE-----",
        "https://example.org/a:b@c",
        "ssh://git@host/x",
        "https://first.last2@example.org/x",
        "SG.singapore.and1",
        "the login page has a password field",
        "PASSWORD=changeme\nTOKEN=x\n",
        "postgres://{user}:{password}@host",
        "https://user:$PASS@host",
        "the password: should be long",
        "connect(password=password)",
        "password = getpass()",
        "password=os.environ['PASSWORD']",
        "password=None, token=***",
        "Basic understanding of it",
        "Bearer of bad news",
        "Basic Algebra101",
        "usage: prog --password=PASSWORD",
        "usage: prog --password=$PASSWORD --token=<token> --secret=***",
        "npm_package_config_value_for_build1234",
        "max_token=5120",
        "{\"properties\": {\"password\": \"string\"}}",
        "{\"token\": \"covid-19x\", \"pos\": \"NN\"}",
        "pad_token=<pad>",
        "a line\nwith password=hunter2 in it",
        "cookie: chocolate chip",
        "Authorization: required",
    ] {
        assert_eq!(reason_in_value(string), None, "{string}");
    }
}

#[test]
fn only_the_credential_is_hidden() {
    for (string, expected) in [
        ("https://bob:hunter2@host/x", "https://bob:(not shown)@host/x"),
        ("a=1 password=hunter2 b=2", "a=1 password=(not shown) b=2"),
        ("x AKIAIOSFODNN7EXAMPLE y", "x (not shown) y"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nx", "(not shown)\nx"),
        ("Bearer ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2 é", "Bearer (not shown) é"),
    ] {
        assert_eq!(hidden(string).as_deref(), Some(expected));
    }
    assert_eq!(hidden("plain text"), None);
}

#[test]
fn templates_and_patterns_are_no_credentials() {
    for text in [
        "Specify a proxy in the form scheme://[user:passwd@]proxy.server:port.",
        "http[s]://[name:secret1@]host",
        "https://[^:]+:[^@]+@example.com",
    ] {
        assert_eq!(reason(None, text), None, "{text}");
    }
    assert!(reason(None, "postgres://admin:hunter2@[::1]:5432/db").is_some());
    for pattern in [r"(?:0[xX](?:_?[0-9a-fA-F])+|[^\s]+)", r"\w+|\d*", "((abc)*|x9)", "[A-Z]+[0-9]*"] {
        assert_eq!(reason(Some("PlainToken"), pattern), None, "{pattern}");
    }
    assert!(reason(Some("plain_token"), "9f86d081884c7d659a2feaa0").is_some());
    assert!(reason(Some("auth_token"), "pk_live(a1b2c3d4e5f6)").is_some());
}

#[test]
fn items_of_containers_named_like_credentials_must_look_random() {
    for (name, value) in [
        ("api_keys", "tr0ub4dor-hunter2"),
        ("mysecrets", "Xk9#mQ2v$Lp7zR"),
        ("DB_PASSWORDS", "hunter2x"),
        ("tokens", "a1B2c3D4e5F6g7H8"),
        ("private_keys2", "9f86d081884c7d659a2feaa0"),
        ("db_credentials", "9f86d081884c7d659a2feaa0"),
    ] {
        assert!(reason_of_item(name, value).is_some() && names_items(name), "{name}: {value}");
    }
    for (name, value) in [
        ("tokens", "internationalization2"),
        ("tokens", "https://example.org/page1A"),
        ("tokens", "<|endoftext|>"),
        ("keys", "a1B2c3D4e5F6g7H8"),
        ("public_keys", "a1B2c3D4e5F6g7H8"),
        ("api_keys", "OPENAI_API_KEY"),
        ("api_keys", "/run/secrets/key-1"),
        ("trade_secrets", "a recipe of 1870"),
        ("passwords", "forgotten"),
        ("passwords", "12"),
        ("cookies", "oatmeal-222222222222"),
        ("secretaries", "a1B2c3D4e5F6g7H8"),
    ] {
        assert_eq!(reason_of_item(name, value), None, "{name}: {value}");
    }
}

#[test]
fn a_part_of_a_label_names_its_value() {
    let label =
        |parts: &[&str], value| name_in_label(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>(), value);
    assert_eq!(label(&["db", "password"], None), Some("password".to_owned()));
    assert_eq!(label(&["password", "db"], Some("tr0ub4dor-hunter2")), Some("password".to_owned()));
    for (parts, value) in [
        (&["password", "min"][..], Some("8 letters")),
        (&["password", "length"], None),
        (&["db", "key"], Some("tr0ub4dor-hunter2")),
        (&[], None),
    ] {
        assert_eq!(label(parts, value), None, "{parts:?}");
    }
}
