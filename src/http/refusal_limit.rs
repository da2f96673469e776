//! How many requests of one address are refused with a reason before it has to wait. The limit is looked at only after
//! a credential was found wrong or missing, so a valid one is never limited.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connections::holder;

/// How many requests may be refused at once, and how often another one.
const BURST: u32 = 60;
const EVERY: Duration = Duration::from_secs(1);
/// How many addresses are remembered. More share one limit.
const ADDRESSES: usize = 10_000;
/// The address of those that are not remembered.
const OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The addresses whose requests were refused lately.
#[derive(Debug, Default)]
pub(super) struct RefusalLimit(Mutex<RefusedAddresses>);

#[derive(Debug, Default)]
struct RefusedAddresses {
    /// When the refusals of an address will be forgotten: each adds [`EVERY`].
    until: HashMap<IpAddr, Instant>,
    cleaned: Option<Instant>,
}

impl RefusalLimit {
    /// Counts a refused request. If there were too many: how long to wait.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        self.count_at(address, Instant::now())
    }

    /// Whether the next refused request of this address is one too many.
    pub(super) fn is_reached(&self, address: IpAddr) -> bool {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.wait(address, Instant::now()).1.is_some()
    }

    fn count_at(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, wait) = refusals.wait(address, now);
        if let Some(wait) = wait {
            return Err(wait);
        }
        let until = refusals.until.entry(key).or_insert(now);
        *until = (*until).max(now) + EVERY;
        Ok(())
    }
}

impl RefusedAddresses {
    /// Under which key an address is remembered, and how long it has to wait, if so.
    fn wait(&mut self, address: IpAddr, now: Instant) -> (IpAddr, Option<Duration>) {
        let mut key = holder(address);
        if self.until.len() >= ADDRESSES && !self.until.contains_key(&key) {
            let is_due = |cleaned| now.duration_since(cleaned) >= EVERY;
            if self.cleaned.is_none_or(is_due) {
                self.until.retain(|_, until| *until > now);
                self.cleaned = Some(now);
            }
            if self.until.len() >= ADDRESSES {
                key = OTHERS;
            }
        }
        let until = self.until.get(&key).copied().unwrap_or(now);
        let ahead = until.saturating_duration_since(now);
        let wait = ahead.saturating_sub(EVERY * (BURST - 1));
        (key, (!wait.is_zero()).then_some(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_a_limit_of_its_own_and_gets_more_with_time() {
        let (limit, now) = (RefusalLimit::default(), Instant::now());
        let count = |text: &str, after: u64| {
            limit.count_at(address(text), now + Duration::from_secs(after))
        };
        for _ in 0..BURST {
            assert_eq!(count("192.0.2.1", 0), Ok(()));
        }
        assert_eq!(count("192.0.2.1", 0), Err(EVERY));
        assert_eq!(count("192.0.2.2", 0), Ok(()));
        assert_eq!(count("192.0.2.1", 1), Ok(()));
        assert!(count("192.0.2.1", 1).is_err());
    }

    #[test]
    fn a_client_cannot_evade_the_limit_within_its_network_of_ipv6() {
        let (limit, now) = (RefusalLimit::default(), Instant::now());
        let refused = (0..=BURST).filter(|number| {
            let one = format!("2001:db8::{number:x}");
            limit.count_at(address(&one), now).is_err()
        });
        assert_eq!(refused.count(), 1);
        assert_eq!(limit.count_at(address("2001:db8:0:1::1"), now), Ok(()));
    }

    #[test]
    fn however_many_addresses_come_few_are_remembered() {
        let (limit, now) = (RefusalLimit::default(), Instant::now());
        let many = || {
            (1..=2 * ADDRESSES).map(|number| Ipv4Addr::from_bits(u32::try_from(number).unwrap()))
        };
        let limited = many().filter(|one| limit.count_at((*one).into(), now).is_err());
        assert_eq!(limited.count(), ADDRESSES - BURST as usize);
        assert!(limit.0.lock().unwrap().until.len() <= ADDRESSES + 1);
        let later = now + 2 * BURST * EVERY;
        assert_eq!(limit.count_at(address("198.51.100.1"), later), Ok(()));
        assert_eq!(limit.0.lock().unwrap().until.len(), 1);
    }
}
