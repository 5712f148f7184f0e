//! Where credentials come from, and that none is ever shown.

use super::{Bucket, NO_SERVER};
use crate::env::Sandbox;
use crate::skipped::skipped;

#[test]
fn credentials_come_from_the_environment_or_the_files_of_aws() {
    let Some(bucket) = Bucket::new("profiles") else { return skipped(NO_SERVER) };
    bucket.sandbox.write("session.py", "x = 5\n");
    let file = bucket.address("run.pkl");
    bucket.run(&["save", "-q", "-o", &file, "session.py"]);
    let home = bucket.sandbox.root().join("home/.aws");
    std::fs::create_dir_all(&home).unwrap();
    let keys = "aws_access_key_id = AKPROFILE\naws_secret_access_key = secretprofile\n";
    std::fs::write(home.join("credentials"), format!("[team]\n{keys}")).unwrap();
    let endpoint = &bucket.endpoint;
    let config =
        format!("[profile team]\nregion = us-east-1\nendpoint_url = {endpoint}\n[profile sso]\nsso_session = x\n");
    std::fs::write(home.join("config"), config).unwrap();
    let call = |words: &[&str], profile: &str| bucket.sandbox.call_snapcli(words).env("AWS_PROFILE", profile).run();
    let restored = call(&["restore", &file, "-c", "x"], "team");
    restored.assert_code(0);
    restored.assert_stdout("5\n");
    let doctor = call(&["doctor"], "team").out();
    assert!(doctor.contains("the AWS profile team") && !doctor.contains("secretprofile"), "{doctor}");
    assert!(!doctor.contains("AKPROFILE"), "{doctor}");
    for (profile, words) in [("nobody", "no file of AWS has this profile"), ("sso", "aws configure export-credentials")]
    {
        let run = call(&["restore", &file, "-c", "x"], profile);
        run.assert_code(1);
        assert!(run.err().contains(words), "{}", run.whole());
    }
    // Without any, requests are not signed, which only public buckets allow.
    let run = bucket.sandbox.call_snapcli(&["inspect", &file]).env("AWS_ENDPOINT_URL", endpoint).run();
    run.assert_code(1);
    assert!(run.err().contains("no credentials were found"), "{}", run.whole());
    let doctor = bucket.sandbox.call_snapcli(&["doctor", "--json"]).run().json();
    assert!(doctor["object_storage"][0]["credentials"].is_null(), "{doctor}");
}

#[test]
fn a_program_of_the_aws_profile_gives_the_keys() {
    let Some(bucket) = Bucket::new("process") else { return skipped(NO_SERVER) };
    bucket.sandbox.write("session.py", "x = 5\n");
    let file = bucket.address("run.pkl");
    bucket.run(&["save", "-q", "-o", &file, "session.py"]);
    let keys = r#"{"Version": 1, "AccessKeyId": "AKPROCESS", "SecretAccessKey": "secretprocess", "SessionToken": "t"}"#;
    // Each run leaves a line.
    let tool = bucket.sandbox.write("my tool", format!("#!/bin/sh\necho \"$@\" >>\"$0.log\"\necho '{keys}'\n"));
    let home = bucket.sandbox.root().join("home/.aws");
    std::fs::create_dir_all(&home).unwrap();
    let (endpoint, tool) = (&bucket.endpoint, tool.display());
    let profile = |name: &str, command: &str| {
        format!("[profile {name}]\nregion = us-east-1\nendpoint_url = {endpoint}\ncredential_process = {command}\n")
    };
    let config = [
        profile("good", &format!("sh \"{tool}\" --for 'a b'")),
        profile("fails", "false"),
        profile("none", "/no/such/tool"),
        profile("prints", "echo AKPROCESS"),
        profile("open", "\"tool"),
    ];
    std::fs::write(home.join("config"), config.concat()).unwrap();
    let call = |words: &[&str], profile: &str| bucket.sandbox.call_snapcli(words).env("AWS_PROFILE", profile).run();
    let restored = call(&["restore", &file, "-c", "x"], "good");
    restored.assert_code(0);
    restored.assert_stdout("5\n");
    let log = std::fs::read_to_string(format!("{tool}.log")).unwrap();
    assert_eq!(log, "--for a b\n", "it is run once for a command");
    // It is named, but neither run nor are its arguments shown, which may be secret.
    let doctor = call(&["doctor"], "good").out();
    assert!(doctor.contains("the credential_process of the AWS profile good"), "{doctor}");
    assert!(!doctor.contains("AKPROCESS") && !doctor.contains("--for"), "{doctor}");
    assert_eq!(std::fs::read_to_string(format!("{tool}.log")).unwrap(), log);
    for (profile, words) in [
        ("fails", "false failed (exit status: 1)"),
        ("none", "cannot run /no/such/tool"),
        ("prints", "echo printed no JSON"),
        ("open", "its quotes are not closed"),
    ] {
        let run = call(&["restore", &file, "-c", "x"], profile);
        run.assert_code(1);
        assert!(run.err().contains(words) && run.err().contains(profile), "{}", run.whole());
        assert!(!run.err().contains("AKPROCESS"), "{}", run.whole());
    }
}

#[test]
fn a_signature_in_an_address_is_never_shown() {
    let sandbox = Sandbox::new();
    // Nothing listens there.
    let secret = "X-Amz-Signature=deadbeef";
    let url = format!("http://me:word@127.0.0.1:1/run.pkl?{secret}&X-Amz-Credential=AKID");
    let store = "http://me:word@127.0.0.1:1/runs.snaps/";
    for words in [
        &["restore", &url, "-c", "pass"][..],
        &["restore", "--json", &url],
        &["inspect", &url],
        &["inspect", "--json", &url],
        &["verify", &url],
        &["diff", &url, &url],
        &["log", store],
        &["restore", &format!("{store}@3")],
        &["save", "-o", &url, "-c", "x = 1"],
        &["import", &url, "s.snaps/"],
        &["-v", "inspect", &url],
    ] {
        let run = sandbox.snapcli(words);
        assert!(!run.status.success(), "{words:?}");
        // Not the command itself.
        let shown = run.out() + &run.err();
        for hidden in ["deadbeef", "AKID", "me:word", ":word"] {
            assert!(!shown.contains(hidden), "{words:?}: {shown}");
        }
        assert!(shown.contains("127.0.0.1:1/run"), "{shown}");
    }
    let script = format!(
        "import snapcli\ntry: snapcli.load_dict('{url}')\nexcept OSError as error: print(error, error.filename)"
    );
    let run = sandbox.call_importing(&["-c", &script]).run();
    run.assert_code(0);
    assert!(!(run.out() + &run.err()).contains("deadbeef") && run.out().contains("no connection"), "{}", run.whole());
}

#[test]
fn addresses_that_cannot_be_are_usage_errors() {
    let sandbox = Sandbox::new();
    for (address, words) in [
        ("s3://", "is followed by no bucket"),
        ("ftp://host/run.pkl", "does not know addresses that begin with ftp://"),
        ("s3://bucket/a/../b.pkl", "which means nothing there"),
    ] {
        for command in [&["inspect", address][..], &["save", "-o", address, "-c", "x = 1"], &["log", address]] {
            let run = sandbox.snapcli(command);
            run.assert_code(2);
            assert!(run.err().contains(words), "{command:?}: {}", run.whole());
        }
    }
    let run = sandbox.call_snapcli(&["inspect", "az://container/run.pkl"]).run();
    run.assert_code(1);
    assert!(run.err().contains("AZURE_STORAGE_ACCOUNT_NAME is not set"), "{}", run.whole());
}
