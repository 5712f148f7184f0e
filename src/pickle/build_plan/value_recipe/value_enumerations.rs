//! Members of enumerations of the standard library, which pickles name by their value or by their name.
//!
//! The values and names are those that some version of Python from 3.10 to 3.13 has on Linux. All of these classes find
//! a member without running other code.

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
        names: &[
            "SIG_DFL", "SIG_IGN",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "signal",
        class: "Sigmasks",
        values: &[(0, 2)],
        names: &[
            "SIG_BLOCK", "SIG_SETMASK", "SIG_UNBLOCK",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "socket",
        class: "AddressFamily",
        values: &[(0, 11), (13, 26), (29, 30), (38, 38), (40, 40), (42, 42)],
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
        names: &[
            "SOCK_CLOEXEC", "SOCK_DGRAM", "SOCK_NONBLOCK", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_STREAM",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "ssl",
        class: "TLSVersion",
        values: &[(-2, -1), (768, 772)],
        names: &[
            "MAXIMUM_SUPPORTED", "MINIMUM_SUPPORTED", "SSLv3", "TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3",
        ],
        has_constants: false,
    },
    Enumeration {
        module: "ssl",
        class: "VerifyMode",
        values: &[(0, 2)],
        names: &[
            "CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED",
        ],
        has_constants: true,
    },
    Enumeration {
        module: "calendar",
        class: "Month",
        values: &[(1, 12)],
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
        names: &[
            "FRIDAY", "MONDAY", "SATURDAY", "SUNDAY", "THURSDAY", "TUESDAY", "WEDNESDAY",
        ],
        has_constants: false,
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
    if is_none || is_value(value) {
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
