//! The places of connections: which address holds how many, and which connection ends when they run out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A connection that is open for less than this may have sent a head that nobody has read so far.
const NEW: Duration = Duration::from_secs(1);

/// Who holds the places.
#[derive(Debug, Default)]
pub(super) struct PlaceTable {
    pub(super) taken: usize,
    /// Of those, how many were told to end, and soon will.
    pub(super) ending: usize,
    /// Numbers whatever has an order.
    last: u64,
    held: HashMap<IpAddr, usize>,
    /// The same, fewest first.
    most: BTreeSet<(usize, IpAddr)>,
    /// Those without a request, of each address the oldest first, and since when.
    pub(super) silent: BTreeMap<(IpAddr, u64), (Instant, Arc<End>)>,
    /// The longest idle first.
    pub(super) idle: BTreeMap<u64, Arc<End>>,
}

/// Tells a connection to end.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) is_told: AtomicBool,
    pub(super) told: Notify,
}

/// Who an address belongs to: a client has at least a /64 of IPv6.
pub(in crate::http) fn holder(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl PlaceTable {
    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Adds a place to those of an address, or takes one away.
    pub(super) fn hold(&mut self, holder: IpAddr, change: isize) {
        self.taken = self.taken.saturating_add_signed(change);
        let held = self.held.entry(holder).or_default();
        self.most.remove(&(*held, holder));
        *held = held.saturating_add_signed(change);
        if *held == 0 {
            self.held.remove(&holder);
        } else {
            self.most.insert((*held, holder));
        }
    }

    /// Ends the connection that others miss least, if more are taken than so many, and one is not in a request.
    pub(super) fn end_down_to(&mut self, places: usize) {
        if self.taken.saturating_sub(self.ending) <= places {
            return;
        }
        let Some((_, most)) = self.most.last().copied() else {
            return;
        };
        let mut its_silent = self.silent.range((most, 0)..=(most, u64::MAX));
        let its_silent = its_silent.next();
        let its_silent = its_silent.map(|(key, (since, _))| (*key, since.elapsed() < NEW));
        let ended = match its_silent {
            Some((key, false)) => self.silent.remove(&key).map(|(_, end)| end),
            _ => self.idle.pop_first().map(|(_, end)| end),
        };
        let ended = ended.or_else(|| {
            let any = || self.silent.first_key_value().map(|(key, _)| *key);
            let key = its_silent.map(|(key, _)| key).or_else(any)?;
            self.silent.remove(&key).map(|(_, end)| end)
        });
        if let Some(end) = ended {
            metrics::counter!("chatrace_connections_evicted_total").increment(1);
            self.ending += 1;
            end.is_told.store(true, Ordering::Relaxed);
            end.told.notify_one();
        }
    }
}
