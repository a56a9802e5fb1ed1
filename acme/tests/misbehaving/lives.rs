//! What outlives a process: orders under way, waits, certificates; and replicas that share them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use acme::{Challenges, Chance, Clock, Environment, Keeper, Settings};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::server::Retry::Seconds;
use crate::server::{Server, Trouble, error};
use crate::world::{Seen, World, held};

#[tokio::test]
async fn a_restart_goes_on_with_the_order_and_waits_as_it_was_told() {
    let world =
        World::new(600, &[Some(&[error("certificate", 1, 429, "rateLimited", Seconds(7_200))])]).await;
    world.run().await;
    let (server, asked) = (&world.servers[0], world.servers[0].requests().len());
    assert_eq!((world.obtained().len(), server.orders()), (0, 1));
    // Started again and again meanwhile.
    for _ in 0..5 {
        world.clock.extend(600);
        world.run().await;
    }
    assert_eq!(server.requests().len(), asked, "an authority that asked for two hours is left alone");
    world.clock.extend(7_200);
    world.run().await;
    assert_eq!((world.obtained().len(), server.orders(), server.accounts()), (1, 1, 1));
    assert_eq!(server.issued().len(), 1, "what was certified is fetched, not ordered again");
    // The certificate is there at the next start, before anything is asked.
    let before = server.requests().len();
    let seen = Arc::new(Seen::new(world.clock.clone()));
    let (challenges, environment) = (Arc::clone(&world.challenges), world.clock.environment());
    let keeper = Keeper::new(world.settings(), challenges, environment, seen.clone());
    assert!(keeper.is_ok() && held(&seen.certificates).len() == 1);
    assert_eq!(server.requests().len(), before);
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_not_listed_is_replaced() {
    let mut world = World::new(600, &[Some(&[]), Some(&[])]).await;
    let both = std::mem::take(&mut world.authorities);
    for (index, expected) in [(0, 1), (0, 1), (1, 2)] {
        world.authorities = vec![both[index].clone()];
        world.run().await;
        world.clock.extend(600);
        assert_eq!(world.obtained().len(), expected);
    }
}

#[tokio::test]
async fn replicas_order_once_and_take_over() {
    let world = World::new(0, &[Some(&[])]).await;
    let (one, two) = (Replica::start(&world, &world.challenges), Replica::start(&world, &Arc::default()));
    wait_until(|| held(&one.seen.certificates).len() == 1 && held(&two.seen.certificates).len() == 1).await;
    let server = &world.servers[0];
    assert_eq!((server.orders(), server.accounts()), (1, 1));
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn any_replica_answers_an_authority_and_the_next_takes_over() {
    // The authority sees the second one's answers only.
    let world = World::new(0, &[]).await;
    let theirs = Arc::new(Challenges::default());
    let server = Server::start(world.clock.clone(), Arc::clone(&theirs), vec![Trouble::NoNonces]).await;
    let mut world = world;
    world.authorities = vec![world.authority(0, &server)];
    let leads = Replica::start(&world, &world.challenges);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let follows = Replica::start(&world, &theirs);
    wait_until(|| held(&follows.seen.certificates).len() == 1).await;
    assert_eq!(server.orders(), 1, "the answer was there when the authority looked");
    leads.stop().await;
    // What the one that is left orders next.
    std::fs::remove_dir_all(world.directory.path().join("certificates")).expect("removed");
    std::fs::create_dir(world.directory.path().join("certificates")).expect("made");
    let again = Replica::start(&world, &theirs);
    follows.stop().await;
    wait_until(|| server.orders() == 2 && held(&again.seen.certificates).len() == 1).await;
    again.stop().await;
}

/// A keeper in a task, whose time goes faster than ours.
struct Replica {
    seen: Arc<Seen>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Replica {
    fn start(world: &World, challenges: &Arc<Challenges>) -> Self {
        let settings: Settings = world.settings();
        let seen = Arc::new(Seen::new(world.clock.clone()));
        let fast = Arc::new(Fast { began: Instant::now(), time: world.clock.time() });
        let environment = Environment { clock: fast.clone(), chance: fast };
        let keeper =
            Keeper::new(settings, Arc::clone(challenges), environment, seen.clone()).expect("keeper");
        let (stop, stopping) = watch::channel(false);
        Self { seen, stop, task: tokio::spawn(keeper.run(stopping)) }
    }

    async fn stop(self) {
        let _ = self.stop.send(true);
        self.task.await.expect("it ends");
    }
}

struct Fast {
    began: Instant,
    time: SystemTime,
}

impl Clock for Fast {
    fn now(&self) -> SystemTime {
        self.time + self.began.elapsed() * SPEED
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time / SPEED))
    }
}

impl Chance for Fast {
    fn unit(&self) -> f64 {
        0.5
    }
}

async fn wait_until(holds: impl Fn() -> bool) {
    for _ in 0..1_500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 30 s");
}

/// How many times faster.
const SPEED: u32 = 5;
