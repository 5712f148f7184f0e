//! The files of the AWS tools: `~/.aws/credentials` and `~/.aws/config`, or the files that
//! `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name. Profiles with access keys or with `credential_process` are
//! supported; for any other, the error says how to export keys to the environment with the AWS CLI.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::credential_sources::variable;
use super::remote_error::{FaultKind, RemoteError};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;
const DEFAULT: &str = "default";

/// The settings of a profile that are used here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AwsProfile {
    pub(super) name: String,
    pub(super) keys: Option<AwsKeys>,
    /// The command that prints keys, if the profile has none itself: see [`super::credential_process`].
    pub(super) process: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct AwsKeys {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// Leaves out the values, so that no message can show them.
impl std::fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsKeys")
    }
}

type Section = BTreeMap<String, String>;

impl AwsProfile {
    /// The profile that `AWS_PROFILE` names, or `default`.
    ///
    /// # Errors
    /// If `AWS_PROFILE` names a profile that does not exist, or if the profile has no keys but another kind of
    /// credentials.
    pub(super) fn read() -> Result<Self, RemoteError> {
        let file = |variable_name, name| {
            let named = variable(variable_name).map(PathBuf::from);
            named.or_else(|| Some(dirs::home_dir()?.join(".aws").join(name)))
        };
        let text = |path: Option<PathBuf>| path.and_then(|path| text_of(&path)).unwrap_or_default();
        let credentials = text(file("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
        let config = text(file("AWS_CONFIG_FILE", "config"));
        let named = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
        Self::of(&credentials, &config, named.as_deref())
    }

    fn of(credentials: &str, config: &str, named: Option<&str>) -> Result<Self, RemoteError> {
        let name = named.unwrap_or(DEFAULT);
        let in_config = if name == DEFAULT { name.to_owned() } else { format!("profile {name}") };
        let found = [section(config, &in_config), section(credentials, name)];
        let wrong = |why: String| RemoteError::new(FaultKind::Settings, "use", "", why);
        if named.is_some() && found.iter().all(Option::is_none) {
            return Err(wrong(format!("AWS_PROFILE is {name}, but no file of AWS has this profile")));
        }
        // `credentials` takes precedence over `config`.
        let mut all = Section::new();
        found.into_iter().flatten().for_each(|section| all.extend(section));
        let value = |key: &str| all.get(key).filter(|value| !value.is_empty()).cloned();
        let keys = value("aws_access_key_id").zip(value("aws_secret_access_key"));
        let keys = keys.map(|(id, secret)| AwsKeys { id, secret, token: value("aws_session_token") });
        let process = value("credential_process").filter(|_| keys.is_none());
        // Like the tools of AWS, which take the role first.
        let others = ["role_arn", "sso_session", "sso_start_url", "login_session"];
        if keys.is_none()
            && (process.is_none() || all.contains_key("role_arn"))
            && let Some(other) = others.into_iter().find(|key| all.contains_key(*key))
        {
            return Err(wrong(format!(
                "the AWS profile {name} has {other} and no keys: give them to the environment with \
                 `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
            )));
        }
        let endpoint = value("endpoint_url");
        Ok(Self { name: name.to_owned(), keys, process, region: value("region"), endpoint })
    }
}

fn text_of(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > LONGEST {
        return None;
    }
    Some(String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned())
}

/// The keys and values of a section; `None` if there is no such section.
fn section(text: &str, name: &str) -> Option<Section> {
    let mut found: Option<Section> = None;
    let mut is_open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = trimmed.strip_prefix('[') {
            let head = head.split(']').next().unwrap_or_default();
            // `[profile "a b"]` may have quotes and any number of spaces.
            let words: Vec<&str> = head.split_whitespace().collect();
            is_open = words.join(" ").replace(['"', '\''], "") == name;
            if is_open {
                found.get_or_insert_default();
            }
            continue;
        }
        // Indented lines are settings of the key above them, such as `s3 =`.
        let is_nested = line.starts_with([' ', '\t']);
        if is_open
            && !is_nested
            && let Some((key, value)) = trimmed.split_once('=')
        {
            let key = key.trim().to_ascii_lowercase();
            found.get_or_insert_default().insert(key, value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = AK\naws_secret_access_key=SE=/+\n\n[other]\n\
                               aws_access_key_id = AK2\naws_secret_access_key = S2\naws_session_token = T\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n  region = no\n\
                          [profile  other]\nendpoint_url = https://minio.example\n[profile sso]\nsso_session = x\n\
                          [profile tool]\ncredential_process = \"/opt/my tool\" --json\n\
                          [profile role]\ncredential_process = tool\nrole_arn = arn:aws:iam::1:role/r\n";

    #[test]
    fn a_profile_is_read_from_both_files() -> Result<(), RemoteError> {
        let default = AwsProfile::of(CREDENTIALS, CONFIG, None)?;
        let keys = default.keys.expect("keys");
        assert_eq!((keys.id.as_str(), keys.secret.as_str(), keys.token), ("AK", "SE=/+", None));
        assert_eq!(default.region.as_deref(), Some("eu-west-1"));
        let other = AwsProfile::of(CREDENTIALS, CONFIG, Some("other"))?;
        assert_eq!(other.keys.and_then(|keys| keys.token).as_deref(), Some("T"));
        assert_eq!(other.endpoint.as_deref(), Some("https://minio.example"));
        assert_eq!(AwsProfile::of("", "", None)?, AwsProfile { name: DEFAULT.to_owned(), ..AwsProfile::default() });
        let text = |named| AwsProfile::of(CREDENTIALS, CONFIG, Some(named)).expect_err("an error").to_string();
        assert!(text("none").contains("AWS_PROFILE is none"), "{}", text("none"));
        assert_eq!(
            AwsProfile::of(CREDENTIALS, CONFIG, Some("tool"))?.process.as_deref(),
            Some("\"/opt/my tool\" --json")
        );
        assert!(text("role").contains("has role_arn"), "{}", text("role"));
        assert!(text("sso").contains("export-credentials --profile sso"), "{}", text("sso"));
        Ok(())
    }
}
