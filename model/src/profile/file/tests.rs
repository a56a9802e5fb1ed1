use proptest::prelude::*;

use super::*;
use crate::profile::tests::{any_state, sample};

/// A file with some bytes of its content exchanged and a checksum that is right.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = sample().to_bytes();
    bytes.truncate(bytes.len() - HASH_BYTES);
    change(&mut bytes);
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes.splice(at..at + from.len(), to.bytes());
}

#[test]
fn says_what_is_wrong() {
    let bytes = sample().to_bytes();
    assert_eq!(State::from_bytes(&bytes).unwrap(), sample());
    let mut damaged = bytes.clone();
    damaged[100] ^= 1;
    for (bytes, reason) in [
        (b"".to_vec(), "does not begin as such files do"),
        (b"portcullis model\n".to_vec(), "does not begin as such files do"),
        (MAGIC.to_vec(), "checksum is wrong"),
        (damaged, "checksum is wrong"),
        (bytes[..bytes.len() - 1].to_vec(), "checksum is wrong"),
        (changed(|it| it.truncate(30)), "header is unreadable: it ends too early"),
        (
            changed(|it| replace(it, "\"format\":3", "\"format\":9")),
            "of format 9; this version reads formats 1 to 3",
        ),
        (changed(|it| replace(it, "\"parameters\":2", "\"parameters\":3")), "parameter 3: "),
        (
            changed(|it| replace(it, "\"parameters\":2", "\"parameters\":1")),
            "client 1: its windows of time are none",
        ),
        (changed(|it| replace(it, "\"clients\":8", "\"clients\":9")), "client 9: it ends too early"),
        (changed(|it| replace(it, "\"clients\":8", "\"clients\":7")), "more in it than its header says"),
        (before(|_| {}, 1), "parameter 2: its format has no rules"),
        (changed(|it| replace(it, "shop\0/a", "zhop\0/a")), "parameter 2: it is not in order"),
        (changed(|it| replace(it, "shop\0/a", "a/a/a/a")), "parameter 1: its key is none"),
    ] {
        let message = State::from_bytes(&bytes).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}, expected {reason}");
    }
}

/// The sample as an earlier format has it, which knows nothing of critical requests and clients.
fn before(change: impl Fn(&mut State), format: u32) -> Vec<u8> {
    let mut state = without_critical(sample());
    change(&mut state);
    let classes = keyword::names().map(str::to_owned).collect();
    let header = Header { format, parameters: 2, clients: 0, classes };
    let text = serde_json::to_string(&header).unwrap().replace(",\"clients\":0", "");
    let mut file = MAGIC.to_vec();
    file.extend((text.len() as u32).to_le_bytes());
    file.extend(text.bytes());
    // Each parameter ended with its indicators.
    for (key, parameter) in state.iter() {
        let mut one = Vec::new();
        write_parameter(key, parameter, &mut one);
        assert_eq!(one.pop(), Some(0), "no critical requests");
        file.extend(one);
    }
    let hash = Sha256::digest(&file);
    file.extend(hash);
    file
}

fn without_critical(mut state: State) -> State {
    state.parameters.values_mut().for_each(|it| it.critical = None);
    state.clients = Clients::default();
    state
}

#[test]
fn reads_the_formats_before() {
    let without_rules = |state: &mut State| {
        state.parameters.values_mut().for_each(|it| it.indicators.retain(|it| it.number < RULE_FIRST));
    };
    let mut state = without_critical(sample());
    assert_eq!(State::from_bytes(&before(|_| {}, 2)).unwrap(), state);
    without_rules(&mut state);
    assert_eq!(State::from_bytes(&before(without_rules, 1)).unwrap(), state);
}

/// Another version may number classes of words differently, and have some that this one has not.
#[test]
fn knows_classes_by_name() {
    let class = |state: &State| -> Vec<u32> {
        let indicators = state.iter().flat_map(|(_, it)| it.indicators.iter().map(|it| it.number));
        indicators.filter(|number| (CLASS_FIRST..RULE_FIRST).contains(number)).collect()
    };
    let before = class(&sample());
    assert_eq!(before, [CLASS_FIRST]);
    for (name, after) in [("sql_fanction", &[][..]), ("sql_function", &[CLASS_FIRST + 1])] {
        let bytes = changed(|it| {
            replace(it, "sql_function", "sql_statemant");
            replace(it, "sql_statement", name);
            // As long as before.
            let length = u32::from_le_bytes(it[MAGIC.len()..MAGIC.len() + 4].try_into().unwrap());
            let length = length + 1 - ("sql_statement".len() - name.len()) as u32;
            it[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&length.to_le_bytes());
        });
        assert_eq!(class(&State::from_bytes(&bytes).unwrap()), after, "{name}");
    }
}

proptest! {
    #[test]
    fn round_trips(state in any_state()) {
        let bytes = state.to_bytes();
        prop_assert_eq!(State::from_bytes(&bytes).unwrap(), state);
    }

    /// What is read is written as the same bytes; nothing is taken for a state that is none.
    #[test]
    fn never_panics(state in any_state(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = state.to_bytes();
        bytes.truncate(bytes.len() - HASH_BYTES);
        let start = bytes.windows(2).position(|pair| pair == b"]}").unwrap() + 2;
        if bytes.len() > start {
            let index = start + at.index(bytes.len() - start);
            bytes[index] = byte;
            if byte == 7 {
                bytes.truncate(start + cut.index(bytes.len() - start));
            }
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        if let Ok(read) = State::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }
}
