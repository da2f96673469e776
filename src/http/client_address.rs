//! Whose request it is: the address of the peer or, behind proxies that are trusted, the one that they name.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use super::connections::OwnConnection;

/// The address of the client that sent a request.
pub(super) fn client_address(request: &Parts, trusted: &[IpNet]) -> IpAddr {
    let peer = OwnConnection::of(request).peer();
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    behind(peer, &request.headers, trusted)
}

/// Headers by which a proxy tells that it passed a request on.
const FORWARDED: [&str; 5] = [
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "x-forwarded-proto",
    "via",
];

/// Whether a request comes from this machine, and no proxy on it passed on somebody else's.
pub(super) fn is_local(request: &Parts, trusted: &[IpNet]) -> bool {
    let client = client_address(request, trusted);
    let is_forwarded = FORWARDED
        .iter()
        .any(|name| request.headers.contains_key(*name));
    // A proxy that is not trusted may pass on anybody's, and so may one that names nobody.
    let is_named = || {
        OwnConnection::of(request)
            .peer()
            .is_some_and(|peer| peer != client)
    };
    client.is_loopback() && (!is_forwarded || is_named())
}

/// The right-most address of `X-Forwarded-For` that is no trusted proxy: each proxy adds the address that it saw, and
/// what is left of a stranger's may be made up.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer;
    let lines = headers.get_all("x-forwarded-for").into_iter().rev();
    let mut named = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(&client)
        && let Some(address) = named.next().and_then(address)
    {
        client = address;
    }
    client
}

/// An address as proxies write it, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || Some(text.parse::<std::net::SocketAddr>().ok()?.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok().or_else(with_port);
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_from(peer: &str, forwarded: &[&str], client: &str) {
        let lines = forwarded.iter().map(|line| {
            let name = axum::http::HeaderName::from_static("x-forwarded-for");
            (name, line.parse().unwrap())
        });
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let found = behind(peer.parse().unwrap(), &lines.collect(), &trusted);
        assert_eq!(found.to_string(), client);
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_as_far_as_it_saw() {
        is_from("203.0.113.9", &[], "203.0.113.9");
        is_from("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        is_from("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        is_from(
            "10.0.0.1",
            &["192.0.2.7, 198.51.100.1, 10.0.0.2"],
            "198.51.100.1",
        );
        is_from("10.0.0.1", &["192.0.2.7", "198.51.100.1"], "198.51.100.1");
        is_from("10.0.0.1", &[], "10.0.0.1");
        is_from("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1");
        is_from("fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1");
        is_from("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
        is_from("10.0.0.1", &["198.51.100.1:80"], "198.51.100.1");
    }
}
