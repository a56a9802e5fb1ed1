//! Stage 2, second half: which kinds of words a window has.
//!
//! Each class is one small regular expression over the lower-cased window. A class is no rule: it says what
//! is there, and the trained weights say what that means beside everything else.

use regex::bytes::{RegexSet, RegexSetBuilder};

/// Classes of words (count).
pub const COUNT: usize = CLASSES.len();

/// Name and pattern of each class.
const CLASSES: [(&str, &str); 40] = [
    (
        "sql_statement",
        r"\b(select\b.{1,60}\bfrom|union\b.{0,20}\bselect|insert\s+into|update\b.{1,40}\bset|delete\s+from|drop\s+(table|database)|alter\s+table|create\s+(table|database|user)|exec(ute)?\s+(immediate|xp_|sp_|master))\b",
    ),
    (
        "sql_function",
        r"\b(sleep|benchmark|pg_sleep|extractvalue|updatexml|load_file|group_concat|concat(_ws)?|char|chr|ascii|substr(ing)?|elt|floor|rand|database|version|user|dbms_\w+|utl_\w+|xmltype|make_set|randomblob|waitfor)\s*\(",
    ),
    (
        "sql_tautology",
        r#"\b(and|or|xor|having|where)\b\W{0,8}(\w+)\W{0,4}(=|<|>|\blike\b|\bin\b|\bbetween\b)|\|\|\s*\w+\s*=|&&\s*\w+\s*="#,
    ),
    ("sql_break", r#"['"`]\s*(\)|;|--|#|/\*|\|\||&&|\+|,|\bor\b|\band\b|\bunion\b|=|<|>)"#),
    ("sql_comment", r"(--|#)\s*$|/\*.*?\*/|/\*!\d*|--\s"),
    (
        "sql_stacked",
        r";\s*(select|insert|update|delete|drop|declare|exec|waitfor|shutdown|create|alter|set|if)\b",
    ),
    (
        "sql_clause",
        r"\b(order\s+by|group\s+by|limit\s+\d|procedure\s+analyse|into\s+(out|dump)file|information_schema|sysobjects|sqlite_master|pg_catalog|having\b|case\s+when|all_tables|sys\.)",
    ),
    ("sql_hex", r"\b0x[0-9a-f]{4,}"),
    (
        "html_tag",
        r"<\s*/?\s*(script|img|svg|iframe|object|embed|body|html|input|form|link|meta|style|base|video|audio|marquee|details|math|table|div|a|x|button|textarea|select|isindex|frameset|applet|bgsound|layer|xml|xss)\b",
    ),
    ("html_any", r"<[a-z!/?][^<>]{0,60}>?"),
    ("html_event", r#"\bon[a-z]{3,20}\s*=|\bon[a-z]{3,20}[\s/"'`]{0,3}="#),
    (
        "html_script_uri",
        r"(java|vb|live)\s*script\s*:|data\s*:\s*(text/html|image/svg)|&(tab|newline|colon);",
    ),
    (
        "js_function",
        r"\b(alert|prompt|confirm|eval|settimeout|setinterval|function|fetch|atob|btoa|import|require|constructor|fromcharcode|execscript)\s*[(`]",
    ),
    (
        "js_object",
        r"\b(document|window|location|top|self|parent|this|globalthis)\s*[.\[]|\.cookie\b|innerhtml|__proto__|prototype\b",
    ),
    (
        "js_obfuscated",
        r#"\[\s*['"`][a-z]*['"`]\s*\+|\(\s*!\s*\[\s*\]|\\x[0-9a-f]{2}|\\u00|['"]\s*\+\s*['"]|\+\[\]|=>"#,
    ),
    ("traversal", r"\.\.+[/\\]|[/\\]\.\.+|\.\.;/|\.%00|\.\.%|/\./\./"),
    (
        "unix_file",
        r"/(etc|proc|var|usr|bin|sbin|root|home|tmp|dev|opt|boot|sys)/[a-z.]|\b(passwd|shadow|id_rsa|authorized_keys|bash_history|fstab|htpasswd|htaccess)\b",
    ),
    (
        "windows_file",
        r"\b[a-z]:[\\/]|\b(win\.ini|boot\.ini|system32|web\.config|autoexec\.bat|windows[\\/]|winnt|sam\b|\.exe\b)",
    ),
    (
        "wrapper",
        r"\b(php|file|zip|phar|expect|glob|data|dict|gopher|ldaps?|jar|netdoc|tftp|sftp|ftp|rar|ogg|ssh2|zlib)\s*:\s*/?/?",
    ),
    (
        "remote_url",
        r"(https?|ftp):/*\S*(\?$|\.(txt|php|jsp|asp|sh|pl|py|exe|jpg)\b)|=https?:|//\d+\.\d+\.\d+\.\d+|\b169\.254\.|metadata|localhost|127\.0\.0\.1|\[::1?\]",
    ),
    ("shell_separator", r"(\||;|&|`|\$\(|\n|\r)\s*(\w|/|\$|\{|'|\\)"),
    (
        "shell_command",
        r"\b(cat|ls|id|whoami|uname|wget|curl|nc|ncat|netcat|bash|sh|zsh|ksh|ping|nslookup|dig|ifconfig|ipconfig|netstat|chmod|chown|rm|cp|mv|echo|printf|sleep|python\d?|perl|ruby|php|node|awk|sed|grep|find|tail|head|more|less|tee|kill|ps|env|set|export|sudo|su|touch|telnet|ssh|scp|ftp|cmd|powershell|dir|type|net|reg|certutil|bitsadmin|tasklist|systeminfo|copy|del)\b",
    ),
    ("shell_expansion", r"\$\{?\w+|\$\(|`[^`]{1,40}`|\$ifs|\{\w+,\S+\}|<\(|>&|2>|/dev/(tcp|udp|null)"),
    ("shell_broken", r#"\w['"\\]{1,2}\w['"\\]?\w|\w\$@\w|/\?+\w|\?\?|\w\[\w\]|\\\n"#),
    ("shellshock", r"\(\s*\)\s*\{"),
    ("jndi", r"\$\{.{0,60}(jndi|lower|upper|env|sys|::-|date|ctx)|jndi\s*:"),
    (
        "template",
        r"\{\{.{0,60}\}\}|\$\{.{1,60}\}|<%.{0,60}%>|#\{.{1,60}\}|\{%.{0,60}%\}|\*\{.{1,60}\}|@\(\d|\[\[.{1,40}\]\]",
    ),
    (
        "java",
        r"\b(java|javax|org)\.[a-z]+\.[a-z]|getruntime|processbuilder|getclass|\.class\b|ognl|#_memberaccess|#context|newinstance|classloader|springframework|t\(java",
    ),
    (
        "php_code",
        r"<\?(php|=|\s)|\b(phpinfo|system|exec|passthru|shell_exec|popen|proc_open|assert|base64_decode|file_get_contents|file_put_contents|call_user_func|create_function|preg_replace|gzinflate|str_rot13|unserialize|include|require_once|fopen|readfile|show_source|chr)\s*\(|\$_(get|post|request|cookie|server|files|session)\b",
    ),
    ("php_serial", r#"\b[oac]:\d+:("|\{)|;s:\d+:""#),
    (
        "python_node",
        r"__(class|mro|subclasses|globals|import|builtins|init|dict)__|\bos\.(system|popen)|subprocess|child_process|process\.(env|mainmodule|binding)|require\s*\(\s*['\x22]|request\.application|lipsum|cycler|joiner|self\.__",
    ),
    (
        "nosql",
        r#"\$(ne|gt|gte|lt|lte|in|nin|regex|where|exists|or|and|not|expr|eq|func)\b|\[\$\w+\]|this\.\w+\s*(==|\.match)|\bsleep\s*\(\s*\d"#,
    ),
    ("ldap", r"\)\s*\(\s*[|&!]|\*\s*\)\s*\(|\(\s*[|&]\s*\(|\(\w+=\*|objectclass"),
    (
        "xpath",
        r"\b(count|name|string-length|substring|position|normalize-space|text|node|comment|last)\s*\(.{0,20}\)|//\*|/\*\[|ancestor::|child::|following::|parent::",
    ),
    (
        "xml_entity",
        r"<!(doctype|entity|element|attlist|\[cdata)|\bsystem\s+['\x22]|<\?xml|<xsl:|xinclude|xlink:",
    ),
    ("ssi", r"<!--\s*#\s*(exec|include|echo|config|printenv|fsize)|<esi:"),
    ("header_break", r"[\r\n]+\s*[a-z][\w-]{2,30}\s*:|[\r\n]+http/\d"),
    ("control_byte", r"\x00|[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"),
    (
        "scanner",
        r"\b(sqlmap|nikto|nmap|acunetix|nessus|burp\w*|oast\w*|interact\.sh|xss\.ht|dirbuster|wpscan|zgrab|masscan|nuclei|w3af|evil|hacker|attacker|pwn\w*)\b",
    ),
    (
        "mail",
        r"\b(bcc|cc|to|from|subject|mime-version|content-type)\s*:\s*\S+[@/]|\r\n\.\r\n|\b(rcpt to|mail from|ehlo|helo)\b",
    ),
];

/// Classes that one automaton looks for. All 40 in one would have so many states that its cache is thrown
/// away again and again (measured: 398 µs a window, against 15 in fours).
const TOGETHER: usize = 4;
/// What the states of one automaton may take (bytes, a thread).
const AUTOMATON_BYTES_MAX: usize = 1 << 20;

/// Finds the classes of words in a window.
#[derive(Clone, Debug)]
pub struct Keywords {
    sets: Vec<RegexSet>,
}

impl Default for Keywords {
    fn default() -> Self {
        Self { sets: CLASSES.chunks(TOGETHER).map(set).collect() }
    }
}

fn set(classes: &[(&str, &str)]) -> RegexSet {
    let set = RegexSetBuilder::new(classes.iter().map(|(_, pattern)| *pattern))
        .unicode(false)
        .dot_matches_new_line(true)
        .dfa_size_limit(AUTOMATON_BYTES_MAX)
        .build();
    // A test compiles them; an empty set would score, not panic.
    set.unwrap_or_else(|_| RegexSet::empty())
}

impl Keywords {
    /// Appends 1 for each class that `lowered`, a window in lower case, has, and 0 for each other.
    pub fn write(&self, lowered: &[u8], out: &mut Vec<f32>) {
        let classes = self.classes(lowered);
        out.extend((0..COUNT).map(|class| f32::from(u8::from(classes & 1 << class != 0))));
    }

    /// A bit for each class that `lowered` has.
    #[must_use]
    pub fn classes(&self, lowered: &[u8]) -> u64 {
        let sets = self.sets.iter().enumerate();
        let found = sets
            .flat_map(|(nth, set)| set.matches(lowered).into_iter().map(move |class| nth * TOGETHER + class));
        found.fold(0, |classes, class| classes | 1 << class)
    }
}

/// The names of the classes, in the order of [`Keywords::write`].
pub fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_classes() {
        let keywords = Keywords::default();
        assert_eq!(keywords.sets.iter().map(RegexSet::len).sum::<usize>(), COUNT);
        for (window, expected) in [
            ("hello world", ""),
            ("' or 1=1 -- ", "sql_tautology sql_break sql_comment"),
            ("<svg/onload=alert(1)>", "html_tag html_any html_event js_function"),
            ("../../etc/passwd", "traversal unix_file"),
            (";id", "shell_separator shell_command"),
            ("${jndi:ldap://h/a}", "wrapper shell_expansion jndi template"),
        ] {
            let mut features = Vec::new();
            keywords.write(window.as_bytes(), &mut features);
            let found: Vec<_> = names().zip(features).filter(|it| it.1 > 0.0).map(|it| it.0).collect();
            assert_eq!(found.join(" "), expected, "{window}");
        }
    }
}
