//! The file that a store is written to.
//!
//! A line of text, records, and the SHA-256 of both. Numbers are little-endian; bytes follow their length.
//! A file that was cut or changed is refused as a whole.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::record::Stored;
use super::{CollectionKey, PersistentCollection, Record};

/// Writes records.
pub(super) fn write<'r>(records: impl Iterator<Item = (&'r CollectionKey, &'r Record)>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (key, record) in records {
        out.push(key.collection as u8);
        put(&mut out, key.application.as_bytes());
        put(&mut out, &key.key);
        out.extend(record.created_us.to_le_bytes());
        put_time(&mut out, record.updated_us);
        out.extend(record.updates.to_le_bytes());
        out.extend(record.timeout_s.to_le_bytes());
        out.extend((record.variables.len() as u32).to_le_bytes());
        for stored in record.variables.values() {
            put(&mut out, &stored.name);
            put(&mut out, &stored.value);
            put_time(&mut out, stored.expires_us);
            out.extend(stored.decayed_us.to_le_bytes());
        }
    }
    let digest = Sha256::digest(&out);
    out.extend(digest);
    out
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(CollectionKey, Record)>, &'static str> {
    let (content, digest) =
        bytes.len().checked_sub(32).and_then(|at| bytes.split_at_checked(at)).ok_or("it is too short")?;
    let mut rest = content.strip_prefix(MAGIC).ok_or("it is no file of collections")?;
    if *Sha256::digest(content) != *digest {
        return Err("it is damaged");
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        records.push(record(&mut rest).ok_or("a record is broken")?);
    }
    Ok(records)
}

fn record(rest: &mut &[u8]) -> Option<(CollectionKey, Record)> {
    let collection = *PersistentCollection::ALL.get(usize::from(take::<1>(rest)?[0]))?;
    let application = std::str::from_utf8(get(rest)?).ok()?.into();
    let key = CollectionKey { collection, application, key: get(rest)?.into() };
    let created_us = i64::from_le_bytes(take(rest)?);
    let updated_us = get_time(rest)?;
    let updates = u64::from_le_bytes(take(rest)?);
    let timeout_s = u32::from_le_bytes(take(rest)?);
    let mut record =
        Record { variables: BTreeMap::new(), bytes: 0, created_us, updated_us, updates, timeout_s };
    for _ in 0..u32::from_le_bytes(take(rest)?) {
        let (name, value) = (get(rest)?, get(rest)?);
        let (expires_us, decayed_us) = (get_time(rest)?, i64::from_le_bytes(take(rest)?));
        record.bytes += name.len() + value.len();
        let stored = Stored { name: name.into(), value: value.into(), expires_us, decayed_us };
        record.variables.insert(name.to_ascii_lowercase().into(), stored);
    }
    Some((key, record))
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn get<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u32::from_le_bytes(take(rest)?);
    let (bytes, after) = rest.split_at_checked(length as usize)?;
    *rest = after;
    Some(bytes)
}

/// A time that may be missing.
fn put_time(out: &mut Vec<u8>, time_us: Option<i64>) {
    out.push(u8::from(time_us.is_some()));
    out.extend(time_us.unwrap_or_default().to_le_bytes());
}

fn get_time(rest: &mut &[u8]) -> Option<Option<i64>> {
    let [is_there] = take(rest)?;
    let time_us = i64::from_le_bytes(take(rest)?);
    Some((is_there != 0).then_some(time_us))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

const MAGIC: &[u8] = b"portcullis collections 1\n";
