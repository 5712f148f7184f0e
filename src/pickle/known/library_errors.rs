//! The exceptions of the standard library and of a few packages: how their `__init__` turns arguments into attributes.
//!
//! A pickle calls the class with its `args`, and then sets the attributes of its state. Our own code does not run an
//! `__init__` that is written in Python: [`ErrorInit`] describes its effect. Taken from CPython 3.10 to 3.14. Classes
//! that CPython itself cannot load again (`tarfile.FilterError`, `http.client.LineTooLong`) have no row.

use super::registry_row::{Effect, KnownGlobal, data, known};
use crate::pickle::build_plan::Builder::Value;
use crate::pickle::build_plan::ValueBuilder as B;

/// The effect of the `__init__` of an exception on its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pickle) enum ErrorInit {
    /// The class has none of its own, or one in C: it keeps its arguments.
    Inherited,
    /// It stores each argument in an attribute, and keeps the first ones as its `args`.
    Stores { required: usize, attributes: &'static [Stored], kept: usize },
    /// It gets this many arguments, which stay its `args`, and computes these attributes: they must be in the state.
    Computes { arguments: usize, attributes: &'static [&'static str] },
    /// It computes its attributes from numbers and strings, and does no harm with these.
    Called,
}

/// Where an argument is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// In this attribute, which is `None` without the argument.
    Always(&'static str),
    /// In this attribute, if the argument is given.
    IfGiven(&'static str),
    /// Only in `args`.
    Nowhere,
}

use Stored::{Always, IfGiven, Nowhere};

const ALL: usize = usize::MAX;

/// An exception that stores its arguments and keeps them all in `args`.
const fn stores(required: usize, attributes: &'static [Stored]) -> ErrorInit {
    ErrorInit::Stores { required, attributes, kept: ALL }
}

const fn computes(arguments: usize, attributes: &'static [&'static str]) -> ErrorInit {
    ErrorInit::Computes { arguments, attributes }
}

/// A row of exceptions with this `__init__`.
const fn errors(
    modules: &'static [&'static str],
    names: &'static [&'static str],
    init: &'static ErrorInit,
) -> KnownGlobal {
    data(modules, names).builds(Value(B::LibraryError(init)))
}

const INHERITED: &ErrorInit = &ErrorInit::Inherited;
const OUTPUT: [Stored; 2] = [Always("output"), Always("stderr")];
const FAILED: &ErrorInit = &stores(2, &[Always("returncode"), Always("cmd"), OUTPUT[0], OUTPUT[1]]);
const TIMED_OUT: &ErrorInit = &stores(2, &[Always("cmd"), Always("timeout"), OUTPUT[0], OUTPUT[1]]);
const URL: &ErrorInit =
    &ErrorInit::Stores { required: 1, attributes: &[Always("reason"), IfGiven("filename")], kept: 1 };
const SHORT_CONTENT: &ErrorInit =
    &ErrorInit::Stores { required: 2, attributes: &[Always("reason"), Always("content")], kept: 1 };
const SHORT_BODY: &ErrorInit =
    &ErrorInit::Stores { required: 1, attributes: &[Always("partial"), Always("expected")], kept: 1 };
const OVERRUN: &ErrorInit = &ErrorInit::Stores { required: 2, attributes: &[Nowhere, Always("consumed")], kept: 1 };
const SAX: &ErrorInit =
    &ErrorInit::Stores { required: 1, attributes: &[Always("_msg"), Always("_exception")], kept: 1 };
const SMTP: &ErrorInit = &stores(2, &[Always("smtp_code"), Always("smtp_error")]);
const SENDER: &ErrorInit = &stores(3, &[Always("smtp_code"), Always("smtp_error"), Always("sender")]);
const MESSAGE: &[&str] = &["message"];
const AMBIGUOUS: &ErrorInit = &stores(2, &[Always("opt_str"), Always("possibilities")]);
const INTERPOLATION: &[&str] = &["message", "option", "section"];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    errors(&["subprocess"], &["SubprocessError"], INHERITED),
    errors(&["subprocess"], &["CalledProcessError"], FAILED),
    errors(&["subprocess"], &["TimeoutExpired"], TIMED_OUT),
    errors(&["urllib.error"], &["URLError"], URL),
    errors(&["urllib.error"], &["ContentTooShortError"], SHORT_CONTENT),
    errors(
        &["http.client"],
        &[
            "HTTPException", "InvalidURL", "NotConnected", "UnknownTransferEncoding", "UnimplementedFileMode",
            "ImproperConnectionState", "CannotSendRequest", "CannotSendHeader", "ResponseNotReady",
        ],
        INHERITED,
    ),
    errors(&["http.client"], &["IncompleteRead"], SHORT_BODY),
    errors(&["http.client"], &["UnknownProtocol"], &stores(1, &[Always("version")])),
    known(&["http.client"], &["BadStatusLine", "RemoteDisconnected"])
        .effect(Effect::OfLiterals)
        .builds(Value(B::LibraryError(&computes(1, &["line"])))),
    errors(
        &["asyncio.exceptions"],
        &["BrokenBarrierError", "CancelledError", "InvalidStateError", "SendfileNotAvailableError", "TimeoutError"],
        INHERITED,
    ),
    known(&["asyncio.exceptions"], &["IncompleteReadError"])
        .effect(Effect::OfLiterals)
        .builds(Value(B::LibraryError(&ErrorInit::Called))),
    errors(&["asyncio.exceptions"], &["LimitOverrunError"], OVERRUN),
    errors(&["asyncio.queues"], &["QueueEmpty", "QueueFull"], INHERITED),
    errors(
        &["concurrent.futures._base"],
        &["BrokenExecutor", "CancelledError", "Error", "InvalidStateError", "TimeoutError"],
        INHERITED,
    ),
    errors(&["concurrent.futures.process"], &["BrokenProcessPool"], INHERITED),
    errors(&["concurrent.futures.thread"], &["BrokenThreadPool"], INHERITED),
    errors(
        &["multiprocessing.context"],
        &["AuthenticationError", "BufferTooShort", "ProcessError", "TimeoutError"],
        INHERITED,
    ),
    errors(&["socket"], &["gaierror", "herror"], INHERITED),
    errors(
        &["ssl"],
        &[
            "SSLError", "SSLCertVerificationError", "SSLEOFError", "SSLSyscallError", "SSLWantReadError",
            "SSLWantWriteError", "SSLZeroReturnError",
        ],
        INHERITED,
    ),
    errors(
        &["sqlite3"],
        &[
            "DataError", "DatabaseError", "Error", "IntegrityError", "InterfaceError", "InternalError",
            "NotSupportedError", "OperationalError", "ProgrammingError", "Warning",
        ],
        INHERITED,
    ),
    // It calls `count` and `rfind` of its second argument.
    known(&["json.decoder"], &["JSONDecodeError"])
        .effect(Effect::OfLiterals)
        .builds(Value(B::LibraryError(&ErrorInit::Called))),

    errors(&["configparser"], &["Error"], &computes(1, MESSAGE)),
    errors(&["configparser"], &["NoSectionError"], &computes(1, &["message", "section"])),
    errors(&["configparser"], &["NoOptionError"], &computes(2, INTERPOLATION)),
    errors(&["configparser"], &["DuplicateSectionError"], &computes(3, &["message", "section", "source", "lineno"])),
    errors(
        &["configparser"],
        &["DuplicateOptionError"],
        &computes(4, &["message", "section", "option", "source", "lineno"]),
    ),
    errors(&["configparser"], &["InterpolationError", "InterpolationSyntaxError"], &computes(3, INTERPOLATION)),
    errors(&["configparser"], &["InterpolationDepthError"], &computes(3, INTERPOLATION)),
    errors(
        &["configparser"],
        &["InterpolationMissingOptionError"],
        &computes(4, &["message", "option", "section", "reference"]),
    ),
    errors(&["configparser"], &["ParsingError"], &computes(1, &["message", "source", "errors"])),
    errors(
        &["configparser"],
        &["MissingSectionHeaderError", "MultilineContinuationError"],
        &computes(3, &["message", "source", "lineno", "line"]),
    ),
    errors(&["re"], &["error", "PatternError"], &computes(1, &["msg", "pattern", "pos", "lineno", "colno"])),
    errors(&["argparse"], &["ArgumentError"], &computes(2, &["argument_name", "message"])),
    errors(&["argparse"], &["ArgumentTypeError"], INHERITED),
    errors(&["getopt"], &["GetoptError"], &stores(2, &[Always("msg"), Always("opt")])),
    errors(&["optparse"], &["OptParseError", "OptionValueError"], &stores(1, &[Always("msg")])),
    errors(&["optparse"], &["BadOptionError"], &stores(1, &[Always("opt_str")])),
    errors(&["optparse"], &["AmbiguousOptionError"], AMBIGUOUS),
    errors(&["calendar"], &["IllegalMonthError"], &stores(1, &[Always("month")])),
    errors(&["calendar"], &["IllegalWeekdayError"], &stores(1, &[Always("weekday")])),
    errors(
        &["smtplib"],
        &["SMTPException", "SMTPNotSupportedError", "SMTPServerDisconnected"],
        INHERITED,
    ),
    errors(
        &["smtplib"],
        &["SMTPAuthenticationError", "SMTPConnectError", "SMTPDataError", "SMTPHeloError", "SMTPResponseException"],
        SMTP,
    ),
    errors(&["smtplib"], &["SMTPSenderRefused"], SENDER),
    errors(&["smtplib"], &["SMTPRecipientsRefused"], &stores(1, &[Always("recipients")])),
    errors(&["xml.sax._exceptions"], &["SAXException", "SAXNotRecognizedException", "SAXNotSupportedException"], SAX),
    errors(&["plistlib"], &["InvalidFileException"], &stores(1, &[Nowhere])),

    // These keep their arguments and nothing else.
    errors(&["_csv", "copy", "locale", "wave"], &["Error"], INHERITED),
    errors(&["struct", "zlib"], &["error"], INHERITED),
    errors(&["binascii"], &["Error", "Incomplete"], INHERITED),
    errors(&["_lzma"], &["LZMAError"], INHERITED),
    errors(&["_pickle", "pickle"], &["PickleError", "PicklingError", "UnpicklingError"], INHERITED),
    errors(&["_queue", "queue"], &["Empty"], INHERITED),
    errors(&["queue"], &["Full"], INHERITED),
    errors(&["dataclasses"], &["FrozenInstanceError"], INHERITED),
    errors(
        &["decimal"],
        &[
            "Clamped", "ConversionSyntax", "DecimalException", "DivisionByZero", "DivisionImpossible",
            "DivisionUndefined", "FloatOperation", "Inexact", "InvalidContext", "InvalidOperation", "Overflow",
            "Rounded", "Subnormal", "Underflow",
        ],
        INHERITED,
    ),
    errors(&["ftplib"], &["Error", "error_perm", "error_proto", "error_reply", "error_temp"], INHERITED),
    errors(&["graphlib"], &["CycleError"], INHERITED),
    errors(&["gzip"], &["BadGzipFile"], INHERITED),
    errors(&["http.cookiejar"], &["LoadError"], INHERITED),
    errors(&["http.cookies"], &["CookieError"], INHERITED),
    errors(&["io"], &["UnsupportedOperation"], INHERITED),
    errors(&["ipaddress"], &["AddressValueError", "NetmaskValueError"], INHERITED),
    errors(&["poplib"], &["error_proto"], INHERITED),
    errors(
        &["shutil"],
        &["Error", "ExecError", "ReadError", "RegistryError", "SameFileError", "SpecialFileError"],
        INHERITED,
    ),
    errors(&["statistics"], &["StatisticsError"], INHERITED),
    errors(
        &["tarfile"],
        &["CompressionError", "ExtractError", "HeaderError", "ReadError", "StreamError", "TarError"],
        INHERITED,
    ),
    errors(&["threading"], &["BrokenBarrierError"], INHERITED),
    errors(&["tokenize"], &["TokenError"], INHERITED),
    errors(&["tomllib"], &["TOMLDecodeError"], INHERITED),
    errors(&["unittest.case"], &["SkipTest"], INHERITED),
    errors(&["xml.etree.ElementTree"], &["ParseError"], INHERITED),
    errors(&["xml.parsers.expat"], &["ExpatError"], INHERITED),
    errors(&["zipfile"], &["BadZipFile", "LargeZipFile"], INHERITED),
    errors(&["zoneinfo._common"], &["ZoneInfoNotFoundError"], INHERITED),

    errors(&["numpy.linalg"], &["LinAlgError"], INHERITED),
    errors(&["numpy.exceptions", "numpy"], &["ComplexWarning", "RankWarning", "VisibleDeprecationWarning"], INHERITED),
    errors(
        &["pandas.errors"],
        &[
            "DtypeWarning", "EmptyDataError", "IntCastingNaNError", "InvalidIndexError", "MergeError",
            "OutOfBoundsDatetime", "ParserError", "ParserWarning", "PerformanceWarning", "SettingWithCopyWarning",
            "UnsortedIndexError",
        ],
        INHERITED,
    ),
    errors(
        &["sklearn.exceptions"],
        &["ConvergenceWarning", "DataConversionWarning", "NotFittedError", "UndefinedMetricWarning"],
        INHERITED,
    ),
];
