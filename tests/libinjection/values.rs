//! Values that libinjection's detectors have something to read in.

use std::io::{BufRead as _, BufReader};

use portcullis_tests::random::Random;
use transaction::decode::percent::decode_form;

use super::inputs;

/// What mutations begin with: the C library's test inputs, and payloads of requests when `PORTCULLIS_REQUESTS` names a file
/// of JSON lines with a `url` and `data`.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = inputs::all().into_iter().map(|input| input.value).collect();
    let Some(path) = std::env::var_os("PORTCULLIS_REQUESTS") else { return seeds };
    let lines = BufReader::new(std::fs::File::open(path).expect("the file of requests")).lines();
    for line in lines {
        let request: serde_json::Value =
            serde_json::from_str(&line.expect("a readable line")).expect("a request a line");
        let part = |name: &str| request[name].as_str().unwrap_or_default();
        let query = part("url").split_once('?').map_or("", |(_, query)| query);
        seeds.extend([query, part("data")].into_iter().flat_map(values));
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

/// The values of a form, and all of it.
fn values(form: &str) -> Vec<Vec<u8>> {
    let values = form.split('&').map(|field| field.split_once('=').map_or(field, |(_, value)| value));
    let values = values.chain([form]).filter(|value| !value.is_empty() && value.len() <= VALUE_BYTES_MAX);
    let decoded = values.map(|value| {
        let mut decoded = Vec::new();
        decode_form(value.as_bytes(), &mut decoded);
        decoded
    });
    decoded.collect()
}

/// Longer ones are left out.
const VALUE_BYTES_MAX: usize = 4096;

/// A seed or pieces put together, changed in some places.
pub(super) fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let pieces = *random.pick(&[SQL, MARKUP]);
    let mut value = if seeds.is_empty() || random.below(2) == 0 {
        random.value(pieces, PIECES_MAX)
    } else {
        random.pick(seeds).clone()
    };
    random.mutate(&mut value, pieces, seeds);
    value
}

/// The most pieces of a value.
const PIECES_MAX: usize = 12;

#[rustfmt::skip]
pub(super) const SQL: &[&[u8]] = &[
    b" ", b" ", b" ", b"'", b"'", b"\"", b"\"", b"`", b"--", b"-- ", b"#", b"/*", b"*/", b"/*!", b"(", b")", b"{", b"}", b"[",
    b"]", b",", b";", b":", b"::", b":=", b".", b"\\", b"\\'", b"\\N", b"\n", b"=", b"<=>", b"<", b">", b"!", b"!=", b"&&",
    b"||", b"|", b"&", b"^", b"+", b"-", b"*", b"/", b"%", b"~", b"@", b"@@", b"@a", b"@`a`", b"$", b"$$", b"$a$", b"$1", b"$,",
    b"0x1f", b"0x", b"0b1", b"0b", b"1", b"12", b"1.", b".5", b"1e", b"1e5", b"1.e", b"1.e5", b"1f", b"1d", b"x'", b"b'", b"n'",
    b"e'", b"u&'", b"q'[", b"]'", b"nq'(", b")'", b"q'!", b"!'", b"a", b"foo", b"a.b", b"select", b"SELECT", b"select.1",
    b"select`x`", b"union", b"union all", b"all", b"distinct", b"and", b"or", b"not", b"xor", b"mod", b"div", b"in", b"like",
    b"is", b"null", b"if", b"case", b"when", b"else", b"end", b"user", b"user_id", b"version", b"sleep", b"sleep(1)",
    b"database", b"char", b"password", b"from", b"where", b"group by", b"order by", b"limit", b"having", b"into outfile",
    b"into dumpfile", b"table", b"drop", b"insert", b"exec", b"declare", b"waitfor delay", b"collate", b"utf8_bin", b"binary",
    b"int", b"interval", b"between", b"boolean mode", b"sp_password", b"current_user", b"localtime", b"\0", b"\xa0", b"\xff",
];

#[rustfmt::skip]
pub(super) const MARKUP: &[&[u8]] = &[
    b"<", b"<", b">", b">", b"/", b"=", b"=", b"'", b"\"", b"`", b" ", b"\t", b"\n", b"\x0b", b"\x0c", b"!", b"-", b"--",
    b"-->", b"--!>", b"-\0->", b"<!--", b"<!", b"<?", b"<%", b"%>", b"<![CDATA[", b"]]>", b"<!doctype", b"<!ENTITY", b"<script>",
    b"<script", b"</", b"</script>", b"</a ", b"<svg", b"<a ", b"<a/", b"<xml", b"<xsl:", b"<xss", b"<iframe", b"<img ", b"<b>",
    b"<base", b"href", b"href=", b"src=", b"style=", b"on", b"on=", b"onclick", b"onclick=", b"onerror=", b"onend", b"ondrag",
    b"onfoo=", b"xmlns", b"xlink:href=", b"attributename=", b"action=", b"by=", b"to=", b"values=", b"datasrc=", b"filter=",
    b"javascript:", b"JAVASCRIPT:", b"java", b"data:", b"vbscript:", b"view-source:", b"&#", b"&#x", b"&#x6a;", b"&#106;",
    b"&#106", b"&#0;", b"&#x16a;", b"&#99999999999;", b"j", b"a", b"ava", b"script", b"import", b"IMPORT", b"entity", b"[if",
    b"[IF IE]", b"xml", b"XML ", b"x", b"1", b";", b"&", b"\0", b"\x80", b"\xff", b"\xa0",
];
