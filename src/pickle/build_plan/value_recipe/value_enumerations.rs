//! Members of enumerations of the standard library, which pickles name by their value or by their name.
//!
//! The values and names are those of some version of Python from 3.10 to 3.13 on Linux. All of these classes find a
//! member without running other code.

use super::value_arguments::{MAX_NAME, int_in, is_none, short_text};
use super::value_make::{ValueMake, called, made};
use super::{PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::machine::value::Ref;

/// An enumeration whose members are values.
struct Enumeration {
    module: &'static str,
    class: &'static str,
    /// The first and the last of some values that its members have.
    values: &'static [(i64, i64)],
    /// The values of its members that are strings.
    texts: &'static [&'static str],
    /// The names of its members.
    names: &'static [&'static str],
    /// Whether the module has the members, too. Python 3.10 pickles them by these names.
    has_constants: bool,
}

#[rustfmt::skip]
const ENUMERATIONS: &[Enumeration] = &[
    Enumeration {
        module: "re",
        class: "RegexFlag",
        values: &[(0, 511)],
        texts: &[],
        names: &[
            "A", "ASCII", "DEBUG", "DOTALL", "I", "IGNORECASE", "L", "LOCALE", "M", "MULTILINE", "NOFLAG", "S", "T",
            "TEMPLATE", "U", "UNICODE", "VERBOSE", "X",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "uuid",
        class: "SafeUUID",
        values: &[(-1, 0)],
        texts: &[],
        names: &[
            "safe", "unknown", "unsafe",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "http",
        class: "HTTPStatus",
        values: &[
            (100, 103), (200, 208), (226, 226), (300, 305), (307, 308), (400, 418), (421, 426), (428, 429),
            (431, 431), (451, 451), (500, 508), (510, 511),
        ],
        texts: &[],
        names: &[
            "ACCEPTED", "ALREADY_REPORTED", "BAD_GATEWAY", "BAD_REQUEST", "CONFLICT", "CONTENT_TOO_LARGE", "CONTINUE",
            "CREATED", "EARLY_HINTS", "EXPECTATION_FAILED", "FAILED_DEPENDENCY", "FORBIDDEN", "FOUND",
            "GATEWAY_TIMEOUT", "GONE", "HTTP_VERSION_NOT_SUPPORTED", "IM_A_TEAPOT", "IM_USED", "INSUFFICIENT_STORAGE",
            "INTERNAL_SERVER_ERROR", "LENGTH_REQUIRED", "LOCKED", "LOOP_DETECTED", "METHOD_NOT_ALLOWED",
            "MISDIRECTED_REQUEST", "MOVED_PERMANENTLY", "MULTIPLE_CHOICES", "MULTI_STATUS",
            "NETWORK_AUTHENTICATION_REQUIRED", "NON_AUTHORITATIVE_INFORMATION", "NOT_ACCEPTABLE", "NOT_EXTENDED",
            "NOT_FOUND", "NOT_IMPLEMENTED", "NOT_MODIFIED", "NO_CONTENT", "OK", "PARTIAL_CONTENT", "PAYMENT_REQUIRED",
            "PERMANENT_REDIRECT", "PRECONDITION_FAILED", "PRECONDITION_REQUIRED", "PROCESSING",
            "PROXY_AUTHENTICATION_REQUIRED", "RANGE_NOT_SATISFIABLE", "REQUESTED_RANGE_NOT_SATISFIABLE",
            "REQUEST_ENTITY_TOO_LARGE", "REQUEST_HEADER_FIELDS_TOO_LARGE", "REQUEST_TIMEOUT", "REQUEST_URI_TOO_LONG",
            "RESET_CONTENT", "SEE_OTHER", "SERVICE_UNAVAILABLE", "SWITCHING_PROTOCOLS", "TEMPORARY_REDIRECT",
            "TOO_EARLY", "TOO_MANY_REQUESTS", "UNAUTHORIZED", "UNAVAILABLE_FOR_LEGAL_REASONS",
            "UNPROCESSABLE_CONTENT", "UNPROCESSABLE_ENTITY", "UNSUPPORTED_MEDIA_TYPE", "UPGRADE_REQUIRED",
            "URI_TOO_LONG", "USE_PROXY", "VARIANT_ALSO_NEGOTIATES",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "signal",
        class: "Signals",
        values: &[(1, 31), (34, 34), (64, 64)],
        texts: &[],
        names: &[
            "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT",
            "SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGRTMAX",
            "SIGRTMIN", "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN",
            "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "signal",
        class: "Handlers",
        values: &[(0, 1)],
        texts: &[],
        names: &[
            "SIG_DFL", "SIG_IGN",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "signal",
        class: "Sigmasks",
        values: &[(0, 2)],
        texts: &[],
        names: &[
            "SIG_BLOCK", "SIG_SETMASK", "SIG_UNBLOCK",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "socket",
        class: "AddressFamily",
        values: &[(0, 11), (13, 26), (29, 30), (38, 38), (40, 40), (42, 42)],
        texts: &[],
        names: &[
            "AF_ALG", "AF_APPLETALK", "AF_ASH", "AF_ATMPVC", "AF_ATMSVC", "AF_AX25", "AF_BRIDGE", "AF_CAN",
            "AF_ECONET", "AF_INET", "AF_INET6", "AF_IPX", "AF_IRDA", "AF_KEY", "AF_LLC", "AF_NETBEUI", "AF_NETLINK",
            "AF_NETROM", "AF_PACKET", "AF_PPPOX", "AF_QIPCRTR", "AF_RDS", "AF_ROSE", "AF_ROUTE", "AF_SECURITY",
            "AF_SNA", "AF_TIPC", "AF_UNIX", "AF_UNSPEC", "AF_VSOCK", "AF_WANPIPE", "AF_X25",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "socket",
        class: "SocketKind",
        values: &[(1, 5), (1 << 11, 1 << 11), (1 << 19, 1 << 19)],
        texts: &[],
        names: &[
            "SOCK_CLOEXEC", "SOCK_DGRAM", "SOCK_NONBLOCK", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_STREAM",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "TLSVersion",
        values: &[(-2, -1), (768, 772)],
        texts: &[],
        names: &[
            "MAXIMUM_SUPPORTED", "MINIMUM_SUPPORTED", "SSLv3", "TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "ssl",
        class: "VerifyMode",
        values: &[(0, 2)],
        texts: &[],
        names: &[
            "CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "calendar",
        class: "Month",
        values: &[(1, 12)],
        texts: &[],
        names: &[
            "APRIL", "AUGUST", "DECEMBER", "FEBRUARY", "JANUARY", "JULY", "JUNE", "MARCH", "MAY", "NOVEMBER",
            "OCTOBER", "SEPTEMBER",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "calendar",
        class: "Day",
        values: &[(0, 6)],
        texts: &[],
        names: &[
            "FRIDAY", "MONDAY", "SATURDAY", "SUNDAY", "THURSDAY", "TUESDAY", "WEDNESDAY",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "http",
        class: "HTTPMethod",
        values: &[],
        texts: &[
            "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
        ],
        names: &[
            "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "pstats",
        class: "SortKey",
        values: &[],
        texts: &[
            "calls", "cumulative", "filename", "line", "name", "nfl", "pcalls", "stdname", "time",
        ],
        names: &[
            "CALLS", "CUMULATIVE", "FILENAME", "LINE", "NAME", "NFL", "PCALLS", "STDNAME", "TIME",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "socket",
        class: "MsgFlag",
        values: &[(0, 0x7fff_ffff)],
        texts: &[],
        names: &[
            "MSG_CMSG_CLOEXEC", "MSG_CONFIRM", "MSG_CTRUNC", "MSG_DONTROUTE", "MSG_DONTWAIT", "MSG_EOR",
            "MSG_ERRQUEUE", "MSG_FASTOPEN", "MSG_MORE", "MSG_NOSIGNAL", "MSG_OOB", "MSG_PEEK", "MSG_TRUNC",
            "MSG_WAITALL",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "socket",
        class: "AddressInfo",
        values: &[(0, 0xffff)],
        texts: &[],
        names: &[
            "AI_ADDRCONFIG", "AI_ALL", "AI_CANONNAME", "AI_NUMERICHOST", "AI_NUMERICSERV", "AI_PASSIVE",
            "AI_V4MAPPED",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "Options",
        values: &[(0, 0xffff_ffff)],
        texts: &[],
        names: &[
            "OP_ALL", "OP_CIPHER_SERVER_PREFERENCE", "OP_ENABLE_KTLS", "OP_ENABLE_MIDDLEBOX_COMPAT",
            "OP_IGNORE_UNEXPECTED_EOF", "OP_LEGACY_SERVER_CONNECT", "OP_NO_COMPRESSION", "OP_NO_RENEGOTIATION",
            "OP_NO_SSLv2", "OP_NO_SSLv3", "OP_NO_TICKET", "OP_NO_TLSv1", "OP_NO_TLSv1_1", "OP_NO_TLSv1_2",
            "OP_NO_TLSv1_3", "OP_SINGLE_DH_USE", "OP_SINGLE_ECDH_USE",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "VerifyFlags",
        values: &[(0, 0xf_ffff)],
        texts: &[],
        names: &[
            "VERIFY_ALLOW_PROXY_CERTS", "VERIFY_CRL_CHECK_CHAIN", "VERIFY_CRL_CHECK_LEAF", "VERIFY_DEFAULT",
            "VERIFY_X509_PARTIAL_CHAIN", "VERIFY_X509_STRICT", "VERIFY_X509_TRUSTED_FIRST",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "SSLErrorNumber",
        values: &[(1, 8), (10, 10)],
        texts: &[],
        names: &[
            "SSL_ERROR_EOF", "SSL_ERROR_INVALID_ERROR_CODE", "SSL_ERROR_SSL", "SSL_ERROR_SYSCALL",
            "SSL_ERROR_WANT_CONNECT", "SSL_ERROR_WANT_READ", "SSL_ERROR_WANT_WRITE", "SSL_ERROR_WANT_X509_LOOKUP",
            "SSL_ERROR_ZERO_RETURN",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "_SSLMethod",
        values: &[(2, 5), (16, 17)],
        texts: &[],
        names: &[
            "PROTOCOL_TLS", "PROTOCOL_TLS_CLIENT", "PROTOCOL_TLS_SERVER", "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1",
            "PROTOCOL_TLSv1_2",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "AlertDescription",
        values: &[(0, 0), (10, 10), (20, 22), (30, 30), (40, 51), (70, 71), (80, 80), (90, 90), (100, 100), (110, 115)],
        texts: &[],
        names: &[
            "ALERT_DESCRIPTION_ACCESS_DENIED", "ALERT_DESCRIPTION_BAD_CERTIFICATE",
            "ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE", "ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE",
            "ALERT_DESCRIPTION_BAD_RECORD_MAC", "ALERT_DESCRIPTION_CERTIFICATE_EXPIRED",
            "ALERT_DESCRIPTION_CERTIFICATE_REVOKED", "ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN",
            "ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE", "ALERT_DESCRIPTION_CLOSE_NOTIFY",
            "ALERT_DESCRIPTION_DECODE_ERROR", "ALERT_DESCRIPTION_DECOMPRESSION_FAILURE",
            "ALERT_DESCRIPTION_DECRYPT_ERROR", "ALERT_DESCRIPTION_HANDSHAKE_FAILURE",
            "ALERT_DESCRIPTION_ILLEGAL_PARAMETER", "ALERT_DESCRIPTION_INSUFFICIENT_SECURITY",
            "ALERT_DESCRIPTION_INTERNAL_ERROR", "ALERT_DESCRIPTION_NO_RENEGOTIATION",
            "ALERT_DESCRIPTION_PROTOCOL_VERSION", "ALERT_DESCRIPTION_RECORD_OVERFLOW",
            "ALERT_DESCRIPTION_UNEXPECTED_MESSAGE", "ALERT_DESCRIPTION_UNKNOWN_CA",
            "ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY", "ALERT_DESCRIPTION_UNRECOGNIZED_NAME",
            "ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE", "ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION",
            "ALERT_DESCRIPTION_USER_CANCELLED",
        ],
        has_constants: true,
    },
];

fn enumeration(module: &str, class: &str) -> Option<&'static Enumeration> {
    ENUMERATIONS.iter().find(|listed| listed.module == module && listed.class == class)
}

/// Whether a pickle may look up this global: Python 3.10 pickles some members of enumerations by their names.
pub(in crate::pickle) fn is_constant(module: &str, name: &str) -> bool {
    let has = |listed: &Enumeration| listed.has_constants && listed.module == module && listed.names.contains(&name);
    ENUMERATIONS.iter().any(has)
}

/// A member of an enumeration by its value.
pub(super) fn member_by_value<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let &[value] = call.arguments else { return Err("without the value of one member".into()) };
    let Some(listed) = enumeration(&call.module, &call.name) else { return Err("as an enumeration".into()) };
    // The value of `SafeUUID.unknown` is None.
    let is_none = listed.class == "SafeUUID" && is_none(context, value);
    let is_value =
        |value: Ref| listed.values.iter().any(|(first, last)| int_in(context, value, *first..=*last).is_some());
    let is_text = || short_text(context, value, MAX_NAME).is_some_and(|text| listed.texts.contains(&&*text));
    if is_none || is_value(value) || !listed.texts.is_empty() && is_text() {
        return Ok(called(listed.module, listed.class, vec![value]));
    }
    Err("with a value that no member has".into())
}

/// A member of an enumeration by its name, as early versions of Python 3.11 write it: `getattr(HTTPStatus, 'OK')`.
pub(super) fn member_by_name<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Option<Recipe<'a>> {
    let &[class, name] = call.arguments else { return None };
    let (module, class) = context.global(class).filter(|_| &*call.name == "getattr")?;
    let listed = enumeration(&module, &class)?;
    let name = short_text(context, name, MAX_NAME)?;
    let is_member = listed.names.contains(&&*name);
    is_member.then(|| made(ValueMake::NamedMember(module.to_string(), format!("{class}.{name}")), Vec::new()))
}
