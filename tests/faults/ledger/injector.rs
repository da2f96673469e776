//! What is done to a service while its clients go on: one fault after the other, in an order and for times that follow
//! from a seed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::sent_log::SentLog;
use super::server::Server;
use crate::support::cluster::{Cluster, End, Paused};
use crate::support::proxy::{Network, Proxy};

/// How many commits in a row lose their answers.
pub(crate) const LOST_COMMITS: usize = 2;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillServer,
    /// SIGTERM, and started again.
    RestartServer,
    KillPostgres,
    StopPostgres,
    PausePostmaster,
    PauseBackends,
    CutNetwork,
    FreezeNetwork,
    /// The answers to a few commits in a row are lost.
    LoseCommits,
    /// The spool's disk is full while the database is away, and for a while after it is back.
    FillDisk,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::KillServer,
        Self::RestartServer,
        Self::KillPostgres,
        Self::StopPostgres,
        Self::PausePostmaster,
        Self::PauseBackends,
        Self::CutNetwork,
        Self::FreezeNetwork,
        Self::LoseCommits,
        Self::FillDisk,
    ];
    /// Those of a service with the embedded database.
    pub(crate) const WITHOUT_POSTGRES: [Self; 3] =
        [Self::KillServer, Self::RestartServer, Self::FillDisk];

    /// Whether the database is surely away meanwhile.
    fn is_outage(self) -> bool {
        matches!(
            self,
            Self::KillPostgres | Self::StopPostgres | Self::CutNetwork | Self::FreezeNetwork
        )
    }
}

/// Random numbers that follow from a seed.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// <https://prng.di.unimi.it/splitmix64.c>
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.next() % (range.end - range.start))
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// A service, what it depends on, and what has been done to them.
pub(crate) struct Injector {
    pub(crate) server: Server,
    pub(crate) postgres: Option<(Cluster, Proxy)>,
    pub(crate) log: Arc<SentLog>,
    pub(crate) random: Random,
    /// How long a fault lasts, in milliseconds.
    pub(crate) lasts: Range<u64>,
    pub(crate) done: BTreeMap<Fault, usize>,
    /// The longest that the spool took to drain after a fault, with clients going on.
    pub(crate) longest_drain: Duration,
    /// Whether the service said that it found a mistake of its own.
    pub(crate) complaints: Vec<String>,
}

impl Injector {
    /// Everything goes wrong once before anything goes wrong again, until the time is over. At least one round.
    pub(crate) async fn run(&mut self, faults: &[Fault], time: Duration) {
        let until = Instant::now() + time;
        let mut deck = Vec::new();
        let mut rounds = 0;
        while rounds == 0 || !deck.is_empty() || Instant::now() < until {
            let Some(fault) = deck.pop() else {
                deck = faults.to_vec();
                self.random.shuffle(&mut deck);
                rounds += 1;
                continue;
            };
            sleep(self.random.millis(20..250)).await;
            self.inflict(fault).await;
            if self.random.below(4) == 0 {
                let took = self.server.drained().await;
                self.longest_drain = self.longest_drain.max(took);
            }
            if rounds > 1 && Instant::now() > until {
                break;
            }
        }
    }

    async fn inflict(&mut self, fault: Fault) {
        *self.done.entry(fault).or_default() += 1;
        self.begin(fault).await;
        self.log.set_away(fault.is_outage());
        let lasts = self.random.millis(self.lasts.clone());
        sleep(lasts / 2).await;
        // Misfortunes never come singly.
        let runs = !matches!(fault, Fault::KillServer | Fault::RestartServer);
        if runs && self.random.below(3) == 0 {
            *self.done.entry(Fault::KillServer).or_default() += 1;
            self.log.set_away(false);
            self.end_server("-KILL").await;
            self.server.begin().await;
        }
        sleep(lasts / 2).await;
        self.log.set_away(false);
        self.repair(fault).await;
    }

    async fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::KillServer => self.end_server("-KILL").await,
            Fault::RestartServer => self.end_server("-TERM").await,
            Fault::FillDisk => self.server.set_disk_full(true),
            _ => {}
        }
        let Some((cluster, proxy)) = &mut self.postgres else {
            return;
        };
        match fault {
            Fault::KillServer | Fault::RestartServer => {}
            Fault::KillPostgres => cluster.end(End::Killed).await,
            Fault::StopPostgres => cluster.end(End::Immediate).await,
            Fault::PausePostmaster => cluster.pause(Paused::Postmaster),
            Fault::PauseBackends => cluster.pause(Paused::Backends),
            Fault::CutNetwork | Fault::FillDisk => proxy.set(Network::Cut),
            Fault::FreezeNetwork => proxy.set(Network::Frozen),
            Fault::LoseCommits => {
                for _ in 0..LOST_COMMITS {
                    proxy.set(Network::LosesNextCommit);
                    proxy.becomes(Network::Cut).await;
                }
            }
        }
    }

    async fn repair(&mut self, fault: Fault) {
        if matches!(fault, Fault::KillServer | Fault::RestartServer) {
            self.server.begin().await;
        }
        if let Some((cluster, proxy)) = &mut self.postgres {
            match fault {
                Fault::KillServer | Fault::RestartServer => {}
                Fault::KillPostgres | Fault::StopPostgres => cluster.begin().await,
                Fault::PausePostmaster | Fault::PauseBackends => cluster.resume(),
                Fault::CutNetwork | Fault::FreezeNetwork | Fault::LoseCommits | Fault::FillDisk => {
                    proxy.set(Network::Up);
                }
            }
        }
        if fault == Fault::FillDisk {
            sleep(self.random.millis(100..600)).await;
            self.server.set_disk_full(false);
        }
    }

    /// Ends the server. By SIGTERM it must end well, whatever is going on.
    pub(crate) async fn end_server(&mut self, signal: &str) {
        let (status, printed) = self.server.end(signal).await;
        if signal == "-TERM" && !status.success() {
            self.complaints
                .push(format!("stopped with {status}: {printed:#?}"));
        }
        let complaints = printed.into_iter().filter(|line| {
            line.contains("panicked")
                || line.contains("before its time")
                || line.contains("something unexpected")
        });
        self.complaints.extend(complaints);
    }
}
