use model::Model;
use model::profile::{Caps, Learner, Quorum, When};
use transaction::{Limits, Record};

use super::*;

/// What one request teaches.
fn state(name: &str) -> State {
    let record =
        Record::from_json(format!(r#"{{"url":"/?{name}=1","headers":{{"Host":"h"}}}}"#).as_bytes()).unwrap();
    let model = Model::built_in();
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    let seen = learner.see(&model, b"h", &record, &Limits::default());
    assert!(learner.learn(&model, seen, When { source: 1, window: 1 }));
    learner.state().clone()
}

#[test]
fn keeps_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("learned");
    let (mut store, found) = Store::open(&path).unwrap();
    assert!(found.is_empty() && !path.exists(), "nothing is written before anything is known");
    for name in ["a", "b"] {
        store.write(&state(name)).unwrap();
        assert_eq!(store.changed(), Ok(None), "its own writing is no change");
    }
    assert_eq!(Store::open(&path).unwrap().1, state("b"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn sees_what_somebody_else_did() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("learned");
    let (mut store, _) = Store::open(&path).unwrap();
    store.write(&state("a")).unwrap();

    fs::write(&path, state("other").to_bytes()).unwrap();
    assert_eq!(store.changed(), Ok(Some(state("other"))));
    assert_eq!(store.changed(), Ok(None));

    fs::write(&path, "half a sta").unwrap();
    for _ in 0..2 {
        assert!(store.changed().unwrap_err().contains("not a learned state"));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(store.changed(), Ok(Some(State::default())), "a removed file has nothing in it");
    assert_eq!(store.changed(), Ok(None));
    store.write(&state("a")).unwrap();
    assert_eq!(Store::open(&path).unwrap().1, state("a"));
    fs::remove_dir_all(directory.path()).unwrap();
    assert_eq!(store.changed(), Err("its directory is gone".to_owned()));
}

#[test]
fn says_why_it_cannot_be_kept() {
    let directory = tempfile::tempdir().unwrap();
    let damaged = directory.path().join("damaged");
    let mut bytes = state("a").to_bytes();
    bytes[30] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    for (path, why) in [
        (damaged.clone(), "checksum is wrong"),
        (damaged.join("below a file"), "Not a directory"),
        (directory.path().join("no/such/directory"), "No such file"),
        (directory.path().to_path_buf(), "directory"),
    ] {
        let found = Store::open(&path).unwrap_err();
        assert!(found.contains(why), "{}: {found}", path.display());
    }
}

#[test]
fn a_link_stays_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real"), directory.path().join("link"));
    fs::write(&real, state("a").to_bytes()).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let (mut store, _) = Store::open(&link).unwrap();
    store.write(&state("b")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(Store::open(&real).unwrap().1, state("b"));
}
