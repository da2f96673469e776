//! The HTTP server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::Env;
use crate::i18n::Text;

#[derive(Debug, Clone)]
pub struct Server {
    pub host: IpAddr,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// The public address of this service, if it is set.
    pub public_url: Option<url::Url>,
    /// The largest body, after decompression.
    pub max_body_bytes: usize,
    /// Where the metrics are served, if not with everything else.
    pub metrics_address: Option<SocketAddr>,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// How long requests are accepted at shutdown after `/readyz` answers 503.
    pub shutdown_delay: Duration,
    pub limits: Limits,
}

/// Time limits and the number of connections. No variable sets them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long the head of a request may take, and an idle connection is kept. Longer than a proxy keeps it, which is
    /// usually 60 s: if this side closes first, the proxy may lose a request that it cannot repeat.
    pub head: Duration,
    /// How long a body may take to arrive.
    pub body: Duration,
    /// How long a client may stall before it is disconnected. Must be shorter than the shutdown grace period. Only
    /// Linux supports it.
    pub unread: Duration,
    /// The number of connections. When places run out, some that are not in a request end.
    pub connections: usize,
    /// The number of streams and long polls. They take no place of a connection.
    pub readers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(75),
            body: Duration::from_secs(30),
            unread: Duration::from_secs(20),
            connections: 8192,
            readers: 4096,
        }
    }
}

impl Server {
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            host: env
                .parsed_if("HOST", Text::new("expected-ip"), |_| true)
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port: env
                .parsed_if("PORT", Text::new("expected-port"), |_| true)
                .unwrap_or(3000),
            public_url: env.http_url("PUBLIC_URL"),
            max_body_bytes: env.bytes("MAX_BODY_BYTES").unwrap_or(1024 * 1024),
            metrics_address: env.parsed_if(
                "METRICS_ADDRESS",
                Text::new("expected-address"),
                |_| true,
            ),
            trusted_proxies: trusted_proxies(env),
            shutdown_delay: env.duration("SHUTDOWN_DELAY").unwrap_or_default(),
            limits: Limits::default(),
        }
    }

    /// The address to listen on.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

/// The address at which this machine reaches a service that listens on `address`: the loopback address if it listens on
/// all addresses.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn trusted_proxies(env: &mut Env<'_>) -> Vec<IpNet> {
    let text = env.text("TRUSTED_PROXIES").unwrap_or_default();
    let mut proxies = Vec::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match part
            .parse::<IpNet>()
            .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
        {
            Ok(network) => proxies.push(network),
            Err(_) => env.not_valid("TRUSTED_PROXIES", part, Text::new("expected-networks")),
        }
    }
    proxies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_reached_at_loopback() {
        let reached = |address: &str| reachable(address.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:3000"), "127.0.0.1:3000");
        assert_eq!(reached("[::]:3000"), "[::1]:3000");
        assert_eq!(reached("10.1.2.3:80"), "10.1.2.3:80");
    }
}
