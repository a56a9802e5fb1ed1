use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use engine::{Disk, Evaluation, Outcome, Request, Snapshot};
use transaction::{Fields, RequestHead};

use super::*;
use crate::learning::Lessons;

/// A classroom with a queue for two.
struct Class {
    lessons: Lessons,
    orders: Receiver<Order>,
    intake: Arc<Intake>,
    metrics: Arc<Metrics>,
    student: Student,
    published: Arc<Mutex<Vec<String>>>,
    directory: tempfile::TempDir,
}

impl Class {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = "version: 1\nlearning: { file: learned }\n";
        let (config, _) = engine::Config::parse("p.yaml", text, 0).unwrap();
        let settings = config.learning.unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let published = Arc::new(Mutex::new(Vec::new()));
        let publish = {
            let published = Arc::clone(&published);
            move |profiles: Arc<Profiles>| published.lock().unwrap().push(profiles.hash().to_owned())
        };
        let (store, state) = Store::open(&directory.path().join("learned")).unwrap();
        let student = Student::new(state, &settings, store, Arc::clone(&metrics), Box::new(publish));
        let (queue, orders) = sync_channel(2);
        let intake = Arc::new(Intake::default());
        let lessons = Lessons::new(queue, Arc::clone(&intake), Arc::clone(&metrics));
        Self { lessons, orders, intake, metrics, student, published, directory }
    }

    fn counted(&self, result: &str) -> String {
        let text = String::from_utf8(self.metrics.render()).unwrap();
        let name = format!("portcullis_learning_requests_total{{result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default().to_owned()
    }

    fn saved(&self) -> State {
        State::from_bytes(&std::fs::read(self.directory.path().join("learned")).unwrap()).unwrap()
    }
}

/// A lesson from a request with this target and body.
fn lesson(target: &str, body: &[u8]) -> Option<Lesson> {
    let snapshot = Snapshot::from_flags(&engine::config::Flags::default(), &Disk, 0).unwrap().0;
    let headers: Fields =
        [("Host", "shop.test"), ("Content-Type", "application/x-www-form-urlencoded")].into_iter().collect();
    let head = RequestHead {
        method: b"POST".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers,
    };
    let request = Request { id: ID.into(), started_us: 0, head, ..Request::default() };
    let mut evaluation = Evaluation::begin(Arc::new(snapshot), request);
    evaluation.request_headers();
    evaluation.request_body(body);
    evaluation.request_end();
    evaluation.finish_with_lesson(Outcome::default()).1
}

/// A lot that every sample takes.
const ID: &str = "00000000000000000000000000000000";

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let class = Class::new();
    for _ in 0..3 {
        class.lessons.offer(ID, lesson("/?id=17", b"").unwrap());
    }
    class.lessons.offer(ID, lesson("/", &b"a=plain&".repeat(40_000)).unwrap());
    class.intake.sample.adjust(SECOND, 0);
    class.lessons.offer(ID, lesson("/?id=17", b"").unwrap());
    for (result, count) in [("queue-full", "1"), ("long-body", "1"), ("not-sampled", "1"), ("learned", "0")] {
        assert_eq!(class.counted(result), count, "{result}");
    }
}

/// It is stuck, and the queue full: whoever reloads or stops does not wait for it longer than is said.
#[test]
fn orders_do_not_wait_for_room() {
    let class = Class::new();
    for _ in 0..2 {
        class.lessons.offer(ID, lesson("/?id=17", b"").unwrap());
    }
    class.lessons.order(Duration::from_millis(50), Order::Save);
    class.lessons.order(Duration::from_millis(50), Order::Stop);
    assert!(matches!(class.orders.recv(), Ok(Order::Learn(_))));
    class.lessons.order(Duration::from_millis(50), Order::Stop);
    let orders: Vec<_> = class.orders.try_iter().collect();
    assert!(matches!(orders[..], [Order::Learn(_), Order::Stop(_)]), "once there is room");
}

#[test]
fn bytes_that_wait_are_bounded() {
    let intake = Intake::default();
    assert!(intake.admits(6 << 20) && !intake.admits(3 << 20) && intake.admits(2 << 20));
    intake.taken(6 << 20);
    assert!(intake.admits(3 << 20) && !intake.admits(usize::MAX));
}

#[test]
fn learns_publishes_and_writes() {
    let mut class = Class::new();
    class.student.save();
    assert!(class.published.lock().unwrap().is_empty(), "nothing new");
    class.student.hear(&lesson("/?id=17", b"note=hello").unwrap());
    class.student.save();
    class.student.save();
    let saved = class.saved();
    assert_eq!(*class.published.lock().unwrap(), [saved.hash()]);
    let keys: Vec<String> = saved.iter().map(|(key, _)| key.to_string()).collect();
    assert!(keys.contains(&"shop.test / query id".to_owned()), "{keys:?}");
    assert!(keys.contains(&"shop.test / body note".to_owned()), "{keys:?}");

    // What is forgotten in the file is forgotten.
    std::fs::write(class.directory.path().join("learned"), State::default().to_bytes()).unwrap();
    class.student.hear(&lesson("/?id=17", b"").unwrap());
    class.student.save();
    assert_eq!(class.published.lock().unwrap().last(), Some(&State::default().hash()));
    class.student.save();
    assert!(class.saved().is_empty());
}

#[test]
fn goes_on_when_the_file_cannot_be_written() {
    let mut class = Class::new();
    let aside = class.directory.path().join("learned.next");
    std::fs::create_dir(&aside).unwrap();
    class.student.hear(&lesson("/?id=17", b"").unwrap());
    class.student.save();
    assert_eq!(class.published.lock().unwrap().len(), 1, "it is used all the same");
    std::fs::remove_dir(&aside).unwrap();
    class.student.save();
    assert!(!class.saved().is_empty(), "and written when that is possible");
    let text = String::from_utf8(class.metrics.render()).unwrap();
    assert!(text.lines().any(|line| line == "portcullis_learning_errors_total 1"), "{text}");
}

#[test]
fn the_thread_keeps_its_pace_and_ends() {
    let Class { lessons, orders, intake, metrics, student, directory, .. } = Class::new();
    for _ in 0..2 {
        lessons.offer(ID, lesson("/?id=17", b"").unwrap());
    }
    drop(lessons);
    study(student, &orders, &intake, Pace { per_second: 1, every: Duration::from_secs(3600) });
    let text = String::from_utf8(metrics.render()).unwrap();
    for line in ["{result=\"learned\"} 1", "{result=\"not-sampled\"} 1"] {
        assert!(text.lines().any(|it| it.ends_with(line)), "{line}");
    }
    assert!(directory.path().join("learned").exists());
}
