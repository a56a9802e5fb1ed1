//! A state as a file.
//!
//! ```text
//! "portcullis learned\n"  u32 header length  header (JSON)  parameters  clients  SHA-256
//! ```
//! Parameters come in the order of their keys, clients in that of their hashes; what there is of each is below, in [`write_parameter`] and
//! [`write_client`].
//! Counts are LEB128, other numbers little-endian. The same state is always the same bytes, and bytes that
//! no state is written as are refused, so that the hash of a file is the hash of a state. One of an earlier format is read as what it is written as now.

mod reader;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::reader::Reader;
use super::indicator::{CLASS_FIRST, RULE_FIRST};
use super::{Clients, Conduct, Critical, Distinct, Indicator, Key, Parameter, State, Windows};
use crate::keyword;

/// The first bytes of every file.
const MAGIC: &[u8] = b"portcullis learned\n";
/// The format this code writes. It reads those before as well.
const VERSION: u32 = 3;
/// The first format with rules.
const RULES_SINCE: u32 = 2;
/// The first format with what critical requests have, and with clients.
const CRITICAL_SINCE: u32 = 3;
/// The longest file that is read (bytes).
pub const BYTES_MAX: usize = 64 << 20;
const HASH_BYTES: usize = 32;

/// What a file says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    parameters: usize,
    #[serde(default)]
    clients: usize,
    /// Names of the classes of words, by number: another version may have others.
    classes: Vec<String>,
}

/// Why bytes are not a learned state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(String);

impl State {
    /// Writes the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let classes = keyword::names().map(str::to_owned).collect();
        let (parameters, clients) = (self.len(), self.clients.len());
        let header = Header { format: VERSION, parameters, clients, classes };
        // A header is numbers and text: it always serializes.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        self.iter().for_each(|(key, parameter)| write_parameter(key, parameter, &mut bytes));
        self.clients.iter().for_each(|client| write_client(client, &mut bytes));
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        bytes
    }

    /// SHA-256 of the file, shortened to 16 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let bytes = self.to_bytes();
        let hash = &bytes[bytes.len() - HASH_BYTES..];
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is none, is damaged, or is of another format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let content = checked(bytes)?;
        let mut reader = Reader::new(content.get(MAGIC.len()..).unwrap_or_default());
        let header = read_header(&mut reader)?;
        let classes: Vec<Option<u32>> = header.classes.iter().map(|name| class_named(name)).collect();
        let mut state = Self::default();
        let mut last: Option<Key> = None;
        for index in 0..header.parameters {
            let (key, parameter) = read_parameter(&mut reader, &classes, header.format >= CRITICAL_SINCE)
                .map_err(|why| StateError(format!("parameter {}: {why}", index + 1)))?;
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(StateError(format!("parameter {}: it is not in order", index + 1)));
            }
            let has_rule = parameter.indicators.last().is_some_and(|it| it.number >= RULE_FIRST);
            if has_rule && header.format < RULES_SINCE {
                return Err(StateError(format!("parameter {}: its format has no rules", index + 1)));
            }
            last = Some(key.clone());
            state.parameters.insert(key, parameter);
        }
        state.clients = read_clients(&mut reader, header.clients)?;
        if !reader.is_at_end() {
            return Err(StateError("there is more in it than its header says".into()));
        }
        Ok(state)
    }
}

fn checked(bytes: &[u8]) -> Result<&[u8], StateError> {
    if bytes.len() > BYTES_MAX {
        return Err(StateError(format!("it is longer than {} MiB", BYTES_MAX >> 20)));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(StateError("it does not begin as such files do".into()));
    }
    let (content, hash) =
        bytes.split_at_checked(bytes.len().saturating_sub(HASH_BYTES)).unwrap_or((bytes, &[]));
    if Sha256::digest(content)[..] != *hash {
        return Err(StateError("its checksum is wrong: the file is damaged or was changed".into()));
    }
    Ok(content)
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, StateError> {
    /// What every version's header has.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let unreadable = |why: String| StateError(format!("its header is unreadable: {why}"));
    let length = reader.u32().map_err(|why| unreadable(why.to_owned()))?;
    let text = reader.bytes(length as usize).map_err(|why| unreadable(why.to_owned()))?;
    let Format { format } = serde_json::from_slice(text).map_err(|why| unreadable(why.to_string()))?;
    if !(1..=VERSION).contains(&format) {
        return Err(StateError(format!(
            "it is of format {format}; this version reads formats 1 to {VERSION}"
        )));
    }
    serde_json::from_slice(text).map_err(|why| unreadable(why.to_string()))
}

/// The number of a class of words; `None` when this version has none of that name.
fn class_named(name: &str) -> Option<u32> {
    keyword::names().position(|known| known == name).map(|number| CLASS_FIRST + number as u32)
}

fn write_parameter(key: &Key, parameter: &Parameter, out: &mut Vec<u8>) {
    write_count(key.as_bytes().len() as u32, out);
    out.extend_from_slice(key.as_bytes());
    let Parameter {
        count,
        plain,
        kinds,
        lengths,
        classes,
        sources,
        rich_sources,
        windows,
        indicators,
        critical,
    } = parameter;
    let counts = [*count, *plain].into_iter().chain(*kinds).chain(*lengths).chain(*classes);
    counts.for_each(|count| write_count(count, out));
    write_sources(sources, out);
    write_sources(rich_sources, out);
    write_windows(windows, out);
    write_indicators(indicators, out);
    let Some(critical) = critical else { return write_count(0, out) };
    write_count(critical.count, out);
    write_sources(&critical.sources, out);
    write_windows(&critical.windows, out);
    write_indicators(&critical.indicators, out);
}

fn write_indicators(indicators: &[Indicator], out: &mut Vec<u8>) {
    write_count(indicators.len() as u32, out);
    for Indicator { number, gram, count, sources, windows } in indicators {
        write_count(*number, out);
        out.extend(gram);
        write_count(*count, out);
        write_sources(sources, out);
        write_windows(windows, out);
    }
}

fn write_client((source, conduct): (u32, &Conduct), out: &mut Vec<u8>) {
    out.extend(source.to_le_bytes());
    write_count(conduct.ordinary, out);
    write_count(conduct.critical, out);
    write_windows(&conduct.windows, out);
}

fn write_count(mut count: u32, out: &mut Vec<u8>) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

fn write_sources<const N: usize>(sources: &Distinct<N>, out: &mut Vec<u8>) {
    out.push(sources.hashes().len() as u8);
    out.extend(sources.hashes().iter().flat_map(|hash| hash.to_le_bytes()));
}

fn write_windows(windows: &Windows, out: &mut Vec<u8>) {
    let (last, bits) = windows.parts();
    out.extend(last.to_le_bytes());
    out.extend(bits.to_le_bytes());
}

fn read_parameter(
    reader: &mut Reader<'_>,
    classes: &[Option<u32>],
    has_critical: bool,
) -> Result<(Key, Parameter), &'static str> {
    let length = reader.count()?;
    let key = Key::from_bytes(reader.bytes(length as usize)?).ok_or("its key is none")?;
    let mut parameter = Parameter { count: reader.count()?, plain: reader.count()?, ..Parameter::default() };
    let Parameter { kinds, lengths, classes: characters, .. } = &mut parameter;
    for count in kinds.iter_mut().chain(lengths).chain(characters) {
        *count = reader.count()?;
    }
    parameter.sources = reader.sources()?;
    parameter.rich_sources = reader.sources()?;
    parameter.windows = reader.windows()?;
    parameter.indicators = read_indicators(reader, classes)?;
    if has_critical {
        parameter.critical = read_critical(reader, classes)?.map(Box::new);
    }
    Ok((key, parameter))
}

fn read_critical(reader: &mut Reader<'_>, classes: &[Option<u32>]) -> Result<Option<Critical>, &'static str> {
    let count = reader.count()?;
    if count == 0 {
        return Ok(None);
    }
    let (sources, windows) = (reader.sources()?, reader.windows()?);
    Ok(Some(Critical { count, sources, windows, indicators: read_indicators(reader, classes)? }))
}

fn read_indicators(reader: &mut Reader<'_>, classes: &[Option<u32>]) -> Result<Vec<Indicator>, &'static str> {
    let mut indicators = Vec::new();
    let mut last = None;
    for _ in 0..reader.count()? {
        let mut indicator = read_indicator(reader)?;
        if last.is_some_and(|last| last >= indicator.number) {
            return Err("its indicators are not in order");
        }
        last = Some(indicator.number);
        // Words that this version does not know are left out.
        if let Some(class) =
            indicator.number.checked_sub(CLASS_FIRST).filter(|_| indicator.number < RULE_FIRST)
        {
            let class = classes.get(class as usize).ok_or("it has a class without a name")?;
            let Some(number) = *class else { continue };
            indicator.number = number;
        }
        indicators.push(indicator);
    }
    indicators.sort_by_key(|indicator| indicator.number);
    indicators.dedup_by_key(|indicator| indicator.number);
    indicators.shrink_to_fit();
    Ok(indicators)
}

fn read_clients(reader: &mut Reader<'_>, count: usize) -> Result<Clients, StateError> {
    let mut clients = Clients::default();
    if count > Clients::MAX {
        return Err(StateError("it has more clients than are kept".into()));
    }
    let mut last = None;
    for index in 0..count {
        let (source, conduct) =
            read_client(reader).map_err(|why| StateError(format!("client {}: {why}", index + 1)))?;
        if last.is_some_and(|last| last >= source) {
            return Err(StateError(format!("client {}: it is not in order", index + 1)));
        }
        last = Some(source);
        clients.add(source, &conduct);
    }
    Ok(clients)
}

fn read_client(reader: &mut Reader<'_>) -> Result<(u32, Conduct), &'static str> {
    let source = reader.u32()?;
    Ok((source, Conduct { ordinary: reader.count()?, critical: reader.count()?, windows: reader.windows()? }))
}

fn read_indicator(reader: &mut Reader<'_>) -> Result<Indicator, &'static str> {
    Ok(Indicator {
        number: reader.count()?,
        gram: reader.array()?,
        count: reader.count()?,
        sources: reader.sources()?,
        windows: reader.windows()?,
    })
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a learned state: {}", self.0)
    }
}

impl std::error::Error for StateError {}

#[cfg(test)]
mod tests;
