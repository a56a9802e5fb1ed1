//! What can run a script: tags, attributes, URLs and comments.

/// What an attribute's value can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attribute {
    /// Hold the name of another attribute.
    Indirect,
    /// Run a script whatever it is.
    Refused,
    /// Run a script if it is a URL of one.
    Url,
}

/// Whether a tag runs a script or may hold one.
pub(super) fn is_tag_refused(name: &[u8]) -> bool {
    let is_of_family = |family| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(family));
    is_known_tag(Folded::<16>::name(name).as_ref()) || is_of_family(b"SVG") || is_of_family(b"XSL")
}

fn is_known_tag(name: &[u8]) -> bool {
    matches!(
        name,
        b"APPLET"
            | b"BASE"
            | b"COMMENT"
            | b"EMBED"
            | b"FRAME"
            | b"FRAMESET"
            | b"HANDLER"
            | b"IFRAME"
            | b"IMPORT"
            | b"ISINDEX"
            | b"LINK"
            | b"LISTENER"
            | b"META"
            | b"NOSCRIPT"
            | b"OBJECT"
            | b"SCRIPT"
            | b"STYLE"
            | b"VMLFRAME"
            | b"XML"
            | b"XSS"
    )
}

/// What an attribute can do, if anything.
pub(super) fn attribute(name: &[u8]) -> Option<Attribute> {
    let folded = Folded::<48>::name(name);
    let name = folded.as_ref();
    match name {
        [b'O', b'N', event @ ..] if starts_with_event(event) => Some(Attribute::Refused),
        [b'X', b'M', b'L', b'N', b'S', ..] | [b'X', b'L', b'I', b'N', b'K', ..] => Some(Attribute::Refused),
        b"DATAFORMATAS" | b"DATASRC" | b"FILTER" | b"STYLE" => Some(Attribute::Refused),
        b"ATTRIBUTENAME" => Some(Attribute::Indirect),
        b"ACTION" | b"BACKGROUND" | b"BY" | b"DYNSRC" | b"FOLDER" | b"FORMACTION" | b"FROM" | b"HANDLER"
        | b"HREF" | b"LOWSRC" | b"POSTER" | b"SRC" | b"TO" | b"VALUES" => Some(Attribute::Url),
        _ => None,
    }
}

/// If an event is a prefix of the name, it is the last one that is not after the name, because no
/// event is a prefix of another.
fn starts_with_event(name: &[u8]) -> bool {
    let after = EVENTS.partition_point(|event| event.as_bytes() <= name);
    EVENTS[..after].last().is_some_and(|event| name.starts_with(event.as_bytes()))
}

/// Whether a URL runs a script, or shows a document of the attacker's making.
pub(super) fn is_url_refused(url: &[u8]) -> bool {
    let folded = Folded::<16>::url(url);
    SCHEMES.iter().any(|scheme| folded.as_ref().starts_with(scheme.as_bytes()))
}

/// Whether a comment is one that Internet Explorer acts on.
pub(super) fn is_comment_refused(comment: &[u8]) -> bool {
    let starts_with =
        |word: &[u8]| comment.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    comment.contains(&b'`')
        || (comment.len() > 3 && (starts_with(b"[IF") || starts_with(b"XML")))
        || starts_with(b"IMPORT")
        || starts_with(b"ENTITY")
}

/// The first bytes of a name or URL in upper case, without what browsers leave out.
struct Folded<const BYTES_MAX: usize> {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

impl<const BYTES_MAX: usize> Folded<BYTES_MAX> {
    fn name(name: &[u8]) -> Self {
        Self::of(name.iter().filter(|&&byte| byte != 0).map(u8::to_ascii_uppercase))
    }

    fn url(url: &[u8]) -> Self {
        let start = url.iter().position(|byte| matches!(byte, b'!'..=b'~')).unwrap_or(url.len());
        let mut rest = &url[start..];
        let characters = std::iter::from_fn(|| {
            let (character, length) = decode(rest)?;
            rest = &rest[length..];
            Some(character)
        });
        let characters = characters.skip_while(|&character| character <= 32);
        Self::of(characters.filter(|&character| character != 0 && character != 10).map(uppercase))
    }

    fn of(folded: impl Iterator<Item = u8>) -> Self {
        let (mut bytes, mut len) = ([0; BYTES_MAX], 0);
        for (slot, byte) in bytes.iter_mut().zip(folded) {
            *slot = byte;
            len += 1;
        }
        Self { bytes, len }
    }
}

impl<const BYTES_MAX: usize> AsRef<[u8]> for Folded<BYTES_MAX> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The last byte of a character; only ASCII letters have an upper case here.
fn uppercase(character: u32) -> u8 {
    let [byte, ..] = character.to_le_bytes();
    if character == u32::from(byte) { byte.to_ascii_uppercase() } else { byte }
}

/// The first character of a URL and its length; named references are none.
fn decode(url: &[u8]) -> Option<(u32, usize)> {
    let (prefix, radix) = match url {
        [] => return None,
        [b'&', b'#', b'x' | b'X', ..] => (3, 16),
        [b'&', b'#', ..] => (2, 10),
        [byte, ..] => return Some((u32::from(*byte), 1)),
    };
    Some(decode_digits(&url[prefix..], radix).map_or((u32::from(b'&'), 1), |(character, digits)| {
        (character, prefix + digits + usize::from(url.get(prefix + digits) == Some(&b';')))
    }))
}

/// A number and how many digits it has; nothing without digits or past the last code point.
fn decode_digits(bytes: &[u8], radix: u32) -> Option<(u32, usize)> {
    const CHARACTER_MAX: u32 = 0x10_00ff;
    let digits = bytes.iter().map_while(|&byte| char::from(byte).to_digit(radix));
    let (number, count) = digits.into_iter().try_fold((0, 0), |(number, count), digit| {
        let number = number * radix + digit;
        (number <= CHARACTER_MAX).then_some((number, count + 1))
    })?;
    (count > 0).then_some((number, count))
}

const SCHEMES: [&str; 4] = ["DATA", "JAVA", "VBSCRIPT", "VIEW-SOURCE"];

/// The events that `on` makes handlers of, from WebKit's list; sorted. Names that begin with another
/// name are left out (`ENDED` after `END`).
#[rustfmt::skip]
const EVENTS: [&str; 254] = [
    "ABORT", "ACTIVATE", "ACTIVE", "ADDSOURCEBUFFER", "ADDSTREAM", "ADDTRACK", "AFTERPRINT",
    "ANIMATIONCANCEL", "ANIMATIONEND", "ANIMATIONITERATION", "ANIMATIONSTART", "AUDIOEND", "AUDIOPROCESS",
    "AUDIOSTART", "AUTOCOMPLETE", "BEFOREACTIVATE", "BEFORECOPY", "BEFORECUT", "BEFOREINPUT", "BEFORELOAD",
    "BEFOREPASTE", "BEFOREPRINT", "BEFOREUNLOAD", "BEGINEVENT", "BLOCKED", "BLUR", "BOUNDARY",
    "BUFFEREDAMOUNTLOW", "CACHED", "CANCEL", "CANPLAY", "CHANGE", "CHARGINGCHANGE", "CHARGINGTIMECHANGE",
    "CHECKING", "CLICK", "CLOSE", "COMPLETE", "COMPOSITIONEND", "COMPOSITIONSTART", "COMPOSITIONUPDATE",
    "CONNECT", "CONTEXTMENU", "CONTROLLERCHANGE", "COPY", "CUECHANGE", "CUT", "DATAAVAILABLE", "DATACHANNEL",
    "DBLCLICK", "DEVICECHANGE", "DEVICEMOTION", "DEVICEORIENTATION", "DISCHARGINGTIMECHANGE", "DISCONNECT",
    "DOMACTIVATE", "DOMCHARACTERDATAMODIFIED", "DOMCONTENTLOADED", "DOMFOCUSIN", "DOMFOCUSOUT",
    "DOMNODEINSERTED", "DOMNODEREMOVED", "DOMSUBTREEMODIFIED", "DOWNLOADING", "DRAG", "DROP",
    "DURATIONCHANGE", "EMPTIED", "ENCRYPTED", "END", "ENTER", "ERROR", "EXIT", "FETCH", "FINISH", "FOCUS",
    "FORMCHANGE", "FORMINPUT", "GAMEPADCONNECTED", "GAMEPADDISCONNECTED", "GESTURECHANGE", "GESTUREEND",
    "GESTURESCROLLEND", "GESTURESCROLLSTART", "GESTURESCROLLUPDATE", "GESTURESTART", "GESTURETAP",
    "GOTPOINTERCAPTURE", "HASHCHANGE", "ICECANDIDATE", "ICECONNECTIONSTATECHANGE", "ICEGATHERINGSTATECHANGE",
    "INACTIVE", "INPUT", "INSTALL", "INVALID", "KEYDOWN", "KEYPRESS", "KEYSTATUSESCHANGE", "KEYUP",
    "LANGUAGECHANGE", "LEAVEPICTUREINPICTURE", "LEVELCHANGE", "LOAD", "LOSTPOINTERCAPTURE", "MARK",
    "MERCHANTVALIDATION", "MESSAGE", "MOUSEDOWN", "MOUSEENTER", "MOUSELEAVE", "MOUSEMOVE", "MOUSEOUT",
    "MOUSEOVER", "MOUSEUP", "MOUSEWHEEL", "MUTE", "NEGOTIATIONNEEDED", "NEXTTRACK", "NOMATCH", "NOUPDATE",
    "OBSOLETE", "OFFLINE", "ONLINE", "OPEN", "ORIENTATIONCHANGE", "OVERCONSTRAINED", "OVERFLOWCHANGED",
    "PAGEHIDE", "PAGESHOW", "PASTE", "PAUSE", "PAYERDETAILCHANGE", "PAYMENTAUTHORIZED",
    "PAYMENTMETHODCHANGE", "PAYMENTMETHODSELECTED", "PLAY", "POINTERCANCEL", "POINTERDOWN", "POINTERENTER",
    "POINTERLEAVE", "POINTERLOCKCHANGE", "POINTERLOCKERROR", "POINTERMOVE", "POINTEROUT", "POINTEROVER",
    "POINTERUP", "POPSTATE", "PREVIOUSTRACK", "PROCESSORERROR", "PROGRESS", "PROPERTYCHANGE", "RATECHANGE",
    "READYSTATECHANGE", "REJECTIONHANDLED", "REMOVE", "RESET", "RESIZE", "RESOURCETIMINGBUFFERFULL",
    "RESULT", "RESUME", "SCROLL", "SEARCH", "SECURITYPOLICYVIOLATION", "SEEKED", "SEEKING", "SELECT",
    "SHIPPINGADDRESSCHANGE", "SHIPPINGCONTACTSELECTED", "SHIPPINGMETHODSELECTED", "SHIPPINGOPTIONCHANGE",
    "SHOW", "SIGNALINGSTATECHANGE", "SLOTCHANGE", "SOUNDEND", "SOUNDSTART", "SOURCECLOSE", "SOURCEENDED",
    "SOURCEOPEN", "SPEECHEND", "SPEECHSTART", "SQUEEZE", "STALLED", "START", "STATECHANGE", "STOP",
    "STORAGE", "SUBMIT", "SUCCESS", "SUSPEND", "TEXTINPUT", "TIMEOUT", "TIMEUPDATE", "TOGGLE", "TONECHANGE",
    "TOUCHCANCEL", "TOUCHEND", "TOUCHFORCECHANGE", "TOUCHMOVE", "TOUCHSTART", "TRACK", "TRANSITIONCANCEL",
    "TRANSITIONEND", "TRANSITIONRUN", "TRANSITIONSTART", "UNCAPTUREDERROR", "UNHANDLEDREJECTION", "UNLOAD",
    "UNMUTE", "UPDATE", "UPGRADENEEDED", "VALIDATEMERCHANT", "VERSIONCHANGE", "VISIBILITYCHANGE",
    "VOLUMECHANGE", "WAITING", "WEBGLCONTEXTCHANGED", "WEBGLCONTEXTCREATIONERROR", "WEBGLCONTEXTLOST",
    "WEBGLCONTEXTRESTORED", "WEBKITANIMATIONEND", "WEBKITANIMATIONITERATION", "WEBKITANIMATIONSTART",
    "WEBKITBEFORETEXTINSERTED", "WEBKITBEGINFULLSCREEN", "WEBKITCURRENTPLAYBACKTARGETISWIRELESSCHANGED",
    "WEBKITENDFULLSCREEN", "WEBKITFULLSCREENCHANGE", "WEBKITFULLSCREENERROR", "WEBKITKEYADDED",
    "WEBKITKEYERROR", "WEBKITKEYMESSAGE", "WEBKITMOUSEFORCECHANGED", "WEBKITMOUSEFORCEDOWN",
    "WEBKITMOUSEFORCEUP", "WEBKITMOUSEFORCEWILLBEGIN", "WEBKITNEEDKEY", "WEBKITNETWORKINFOCHANGE",
    "WEBKITPLAYBACKTARGETAVAILABILITYCHANGED", "WEBKITPRESENTATIONMODECHANGED", "WEBKITREGIONOVERSETCHANGE",
    "WEBKITREMOVESOURCEBUFFER", "WEBKITSOURCECLOSE", "WEBKITSOURCEENDED", "WEBKITSOURCEOPEN",
    "WEBKITSPEECHCHANGE", "WEBKITTRANSITIONEND", "WEBKITWILLREVEALBOTTOM", "WEBKITWILLREVEALLEFT",
    "WEBKITWILLREVEALRIGHT", "WEBKITWILLREVEALTOP", "WHEEL", "WRITE", "ZOOM",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_event_is_a_prefix_of_another() {
        assert!(EVENTS.is_sorted_by(|a, b| a < b && !b.starts_with(a)));
    }

    #[test]
    fn attributes() {
        use Attribute::*;
        let rows: &[(&[u8], Option<Attribute>)] = &[
            (b"onclick", Some(Refused)),
            (b"OnClickety", Some(Refused)),
            (b"o\0ncl\0ick", Some(Refused)),
            (b"on", None),
            (b"onclic", None),
            (b"onzzz", None),
            (b"on\x01", None),
            (b"xmlns:a", Some(Refused)),
            (b"xlink:href", Some(Refused)),
            (b"h\0ref", Some(Url)),
            (b"hrefx", None),
            (b"attributeName", Some(Indirect)),
            (b"title", None),
            (b"", None),
        ];
        for (name, expected) in rows {
            assert_eq!(attribute(name), *expected, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn urls() {
        let rows: &[(&[u8], bool)] = &[
            (b"javascript:alert(1)", true),
            (b" \xc2\xa0JaVa", true),
            (b"j\na\0va:", true),
            (b"&#106;&#x61;&#0118a", true),
            (b"&#1;&#x6A;ava", true),
            (b"&#x16a;ava", false),
            (b"&#x144;ATA:", true),
            (b"&#x;java", false),
            (b"&#9999999;java", false),
            (b"&#", false),
            (b"&amp;java", false),
            (b"jav", false),
            (b"https://example.org/data:", false),
            (b"", false),
        ];
        for (url, expected) in rows {
            assert_eq!(is_url_refused(url), *expected, "{}", url.escape_ascii());
        }
    }
}
