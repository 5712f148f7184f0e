//! Turns the errors of `object_store` and `reqwest` into [`RemoteError`]s.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use super::remote_error::{FaultKind, RemoteError};

/// The prefix of the message of `object_store` with the status and the body of an answer.
const STATUS: &str = "Server returned non-2xx status code: ";
/// The most characters of a server's message that are shown.
const MOST_SHOWN: usize = 200;

/// An error of the client for buckets.
pub(super) fn fault_of(
    error: &object_store::Error,
    action: &'static str,
    address: String,
    anonymous: bool,
) -> RemoteError {
    let links = links(error);
    let texts: Vec<String> = links.iter().map(ToString::to_string).collect();
    if let Some(answer) = texts.iter().find_map(|text| text.strip_prefix(STATUS)) {
        let (status, body) = answer.split_at_checked(3).unwrap_or((answer, ""));
        let body = body.split_once(": ").map_or("", |(_, body)| body);
        return of_status(status.parse().unwrap_or(0), body, action, address, anonymous);
    }
    let is = |words: &str| texts.iter().any(|text| text.contains(words));
    let last = texts.last().cloned().unwrap_or_default();
    let (kind, why) = if is("redirect without LOCATION") {
        (FaultKind::Region, "the bucket is in another region".to_owned())
    } else if is("non-partial response") {
        (FaultKind::NoRanges, "the server does not send parts of it".to_owned())
    } else if is("Content-Range") || is("CONTENT_RANGE") || is("Requested ") || is("Wanted range") {
        (FaultKind::BadAnswer, format!("the server sent another range than it was asked for ({last})"))
    } else if let object_store::Error::Precondition { .. } = error {
        (FaultKind::Changed, "it has changed in the meantime".to_owned())
    } else if let Some(kind) = links.iter().find_map(|link| link.downcast_ref::<HttpError>()).map(HttpError::kind) {
        of_connection(kind, &texts)
    } else if is("InvalidPath") || is("invalid path") {
        (FaultKind::Address, last)
    } else {
        (FaultKind::BadAnswer, last)
    };
    RemoteError::new(kind, action, address, shortened(&why))
}

/// The fault of a connection.
fn of_connection(kind: HttpErrorKind, texts: &[String]) -> (FaultKind, String) {
    let last = texts.last().cloned().unwrap_or_default();
    let why = reason_of(texts);
    if is_about_tls(texts) {
        return (FaultKind::Tls, format!("the connection is not secure ({why})"));
    }
    match kind {
        HttpErrorKind::Connect => (FaultKind::Unreachable, format!("no connection ({why})")),
        HttpErrorKind::Timeout => (FaultKind::Broken, "the server did not answer in time".to_owned()),
        HttpErrorKind::Decode => (FaultKind::BadAnswer, format!("the answer makes no sense ({last})")),
        _ => (FaultKind::Broken, format!("the connection broke off ({why})")),
    }
}

/// Whether an error is about certificates, or another part of the TLS handshake.
fn is_about_tls(texts: &[String]) -> bool {
    let words = ["certificate", "UnknownIssuer", "TLS", "tls", "received corrupt message", "InvalidContentType"];
    texts.iter().any(|text| words.iter().any(|word| text.contains(word)))
}

/// The message of the innermost error, which has no address in it.
fn reason_of(texts: &[String]) -> String {
    let last = texts.last().cloned().unwrap_or_default();
    match last.as_str() {
        text if text.contains("failed to lookup address") => "the host is not known".to_owned(),
        _ => last,
    }
}

/// An error of the client for web servers.
pub(super) fn web_fault(error: &reqwest::Error, action: &'static str, address: String) -> RemoteError {
    // The first link may have the whole address in its words.
    let texts: Vec<String> = links(error).iter().skip(1).map(ToString::to_string).collect();
    let kind = match error {
        _ if error.is_timeout() => HttpErrorKind::Timeout,
        _ if error.is_connect() => HttpErrorKind::Connect,
        _ if error.is_redirect() => HttpErrorKind::Decode,
        _ => HttpErrorKind::Interrupted,
    };
    let (kind, why) = of_connection(kind, &texts);
    RemoteError::new(kind, action, address, shortened(&why))
}

/// An answer with a status that is no success.
pub(super) fn of_status(
    status: u16,
    body: &str,
    action: &'static str,
    address: String,
    anonymous: bool,
) -> RemoteError {
    let code = element(body, "Code").unwrap_or_default();
    let shown = if code.is_empty() { status.to_string() } else { format!("{status} {code}") };
    let (kind, why) = match (status, code) {
        (_, "NoSuchBucket") | (404, "ContainerNotFound") => (FaultKind::NoBucket, "there is no such bucket".to_owned()),
        (404 | 410, _) => (FaultKind::Missing, "it does not exist".to_owned()),
        (
            301 | 307 | 400,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        )
        | (301, _) => {
            let region = element(body, "Region").map(|region| format!(", {region}")).unwrap_or_default();
            (FaultKind::Region, format!("the bucket is in another region{region} ({shown})"))
        }
        (
            _,
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken" | "RequestTimeTooSkewed",
        )
        | (401, _)
            if !anonymous =>
        {
            (FaultKind::Unauthenticated, format!("the credentials are not accepted ({shown})"))
        }
        (401 | 403, _) if anonymous => (FaultKind::Anonymous, format!("access is denied ({shown})")),
        (401 | 403, _) => (FaultKind::Denied, format!("access is denied ({shown})")),
        (408 | 429 | 500.., _) => (FaultKind::Server, format!("the server fails ({shown})")),
        (409 | 412, _) => (FaultKind::Changed, format!("it has changed in the meantime ({shown})")),
        (416, _) => (FaultKind::Changed, "it is shorter than when it was first read (416)".to_owned()),
        _ => {
            let words = element(body, "Message").map(|words| format!(": {words}")).unwrap_or_default();
            (FaultKind::BadAnswer, format!("the server refuses it ({shown}{words})"))
        }
    };
    RemoteError::new(kind, action, address, shortened(&why))
}

/// The contents of an element of XML.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(contents, _)| contents).filter(|contents| !contents.is_empty())
}

fn shortened(text: &str) -> String {
    let words = text.lines().next().unwrap_or_default();
    match words.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words.to_owned(),
    }
}

fn links<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    let (mut links, mut next) = (Vec::new(), Some(error));
    while let Some(link) = next {
        links.push(link);
        next = link.source();
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let kind = |status, body: &str, anonymous| {
            of_status(status, body, "read", "s3://b/k".to_owned(), anonymous).kind().expect("a fault")
        };
        let code = |code: &str| format!("<Error><Code>{code}</Code><Region>eu-west-1</Region></Error>");
        for (status, name, anonymous, expected) in [
            (404, "NoSuchKey", false, FaultKind::Missing),
            (404, "NoSuchBucket", false, FaultKind::NoBucket),
            (404, "", true, FaultKind::Missing),
            (403, "AccessDenied", false, FaultKind::Denied),
            (403, "AccessDenied", true, FaultKind::Anonymous),
            (403, "InvalidAccessKeyId", false, FaultKind::Unauthenticated),
            (400, "ExpiredToken", false, FaultKind::Unauthenticated),
            (400, "AuthorizationHeaderMalformed", false, FaultKind::Region),
            (301, "", false, FaultKind::Region),
            (503, "SlowDown", false, FaultKind::Server),
            (412, "PreconditionFailed", false, FaultKind::Changed),
            (418, "", false, FaultKind::BadAnswer),
        ] {
            assert_eq!(kind(status, &code(name), anonymous), expected, "{status} {name}");
        }
        let text = of_status(301, &code("PermanentRedirect"), "read", "s3://b/k".to_owned(), false).to_string();
        assert!(text.contains("eu-west-1") && text.contains("AWS_REGION") && text.contains("s3://b/k"), "{text}");
    }
}
