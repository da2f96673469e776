//! The open connections: who holds how many, and which one ends when places run out.
//!
//! A connection is silent until the head of its first request has come, and then idle between requests. When places run
//! out, a silent one of the address that holds most ends, or else the one that is idle for longest. One in a request
//! never does, unless the request is refused already and only the rest of its body is read. So who holds thousands of
//! connections keeps nobody out.

mod places;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

pub(super) use places::holder;
use places::{End, PlaceTable};

/// A part of the places is held back, so that a new connection never waits until another one has ended: one of so many.
const HELD_BACK: usize = 16;
/// The open connections of a server.
#[derive(Debug)]
pub(super) struct Connections {
    places: usize,
    table: Mutex<PlaceTable>,
    /// A connection ended, or may be ended.
    changed: Notify,
}

/// An open connection. Its place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    connections: Arc<Connections>,
    /// The address of the client, or of the nearest proxy.
    peer: IpAddr,
    holder: IpAddr,
    number: u64,
    state: Mutex<ConnectionState>,
    end: Arc<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    Silent,
    InRequest,
    /// In a request that is refused already.
    Refused,
    /// Its number among the idle ones.
    Idle(u64),
}

/// The connection of a request, where a server accepted it.
#[derive(Debug)]
pub(super) struct OwnConnection(Option<Arc<Connection>>);

/// While it exists, the connection is in a request.
#[derive(Debug)]
pub(super) struct InRequest(Arc<Connection>);

/// The body of an answer, during which the connection is in a request.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    _in_request: InRequest,
}

/// While it exists, the connection takes no place.
#[derive(Debug)]
pub(super) struct LentPlace(Arc<Connection>);

impl Connections {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places,
            table: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits until there is a place. It comes to that only while nearly every connection is in a request.
    pub(super) async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let mut table = lock(&self.table);
                if table.taken < self.places {
                    return;
                }
                table.end_down_to(self.places - 1);
            }
            changed.await;
        }
    }

    /// Gives a place to a new connection, and ends another one if few are left.
    pub(super) fn open(self: &Arc<Self>, peer: IpAddr) -> Arc<Connection> {
        let (peer, end) = (peer.to_canonical(), Arc::<End>::default());
        let holder = holder(peer);
        let mut table = lock(&self.table);
        table.hold(holder, 1);
        table.end_down_to(self.places - self.places.div_ceil(HELD_BACK));
        let number = table.next();
        table
            .silent
            .insert((holder, number), (Instant::now(), end.clone()));
        Arc::new(Connection {
            connections: self.clone(),
            peer,
            holder,
            number,
            state: Mutex::new(ConnectionState::Silent),
            end,
        })
    }
}

impl Connection {
    /// Resolves when it has to end, since its place is needed.
    pub(super) async fn has_to_end(&self) {
        self.end.told.notified().await;
    }

    /// Whether no head of a request has come so far.
    pub(super) fn is_silent(&self) -> bool {
        *lock(&self.state) == ConnectionState::Silent
    }

    /// Whether no message is lost if it ends: it is silent, or its request is refused.
    pub(super) fn is_expendable(&self) -> bool {
        matches!(
            *lock(&self.state),
            ConnectionState::Silent | ConnectionState::Refused
        )
    }

    /// The number of the head that the next bytes belong to, another one for each; `None` in a request.
    pub(super) fn awaited_head(&self) -> Option<u64> {
        match *lock(&self.state) {
            ConnectionState::Silent => Some(self.number),
            ConnectionState::Idle(number) => Some(number),
            ConnectionState::InRequest | ConnectionState::Refused => None,
        }
    }

    /// The head of a request has come.
    pub(super) fn begin(self: &Arc<Self>) -> InRequest {
        self.leave(ConnectionState::InRequest);
        InRequest(self.clone())
    }

    /// Its request is refused, whatever else it sends: the connection may end if its place is needed.
    pub(super) fn refuse(&self) {
        self.leave(ConnectionState::Refused);
        let silent = (Instant::now(), self.end.clone());
        lock(&self.connections.table)
            .silent
            .insert((self.holder, self.number), silent);
        self.connections.changed.notify_one();
    }

    /// Gives its place to others for as long as it waits for messages.
    fn lend_place(self: &Arc<Self>) -> LentPlace {
        lock(&self.connections.table).hold(self.holder, -1);
        self.connections.changed.notify_one();
        LentPlace(self.clone())
    }

    /// Is no longer silent or idle.
    fn leave(&self, next: ConnectionState) {
        let mut table = lock(&self.connections.table);
        match std::mem::replace(&mut *lock(&self.state), next) {
            ConnectionState::Silent | ConnectionState::Refused => {
                table.silent.remove(&(self.holder, self.number));
            }
            ConnectionState::Idle(number) => {
                table.idle.remove(&number);
            }
            ConnectionState::InRequest => {}
        }
    }
}

impl OwnConnection {
    pub(super) fn of(request: &Parts) -> Self {
        Self(request.extensions.get().cloned())
    }

    /// The address at its other end.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.0.as_ref().map(|connection| connection.peer)
    }

    /// Gives its place to others for as long as it waits for messages.
    pub(super) fn lend_place(&self) -> Option<LentPlace> {
        self.0.as_ref().map(Connection::lend_place)
    }

    /// Its request is refused, whatever else it sends.
    pub(super) fn refuse(&self) {
        if let Some(connection) = &self.0 {
            connection.refuse();
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OwnConnection {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

impl InRequest {
    /// Lasts until the answer is sent.
    pub(super) fn answer(self, body: Body) -> AnswerBody {
        AnswerBody {
            body,
            _in_request: self,
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        let connection = &self.0;
        let number = lock(&connection.connections.table).next();
        connection.leave(ConnectionState::Idle(number));
        let end = connection.end.clone();
        lock(&connection.connections.table).idle.insert(number, end);
        connection.connections.changed.notify_one();
    }
}

impl Drop for LentPlace {
    fn drop(&mut self) {
        lock(&self.0.connections.table).hold(self.0.holder, 1);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave(ConnectionState::InRequest);
        {
            let mut table = lock(&self.connections.table);
            table.hold(self.holder, -1);
            table.ending -= usize::from(self.end.is_told.load(Ordering::Relaxed));
        }
        self.connections.changed.notify_one();
    }
}

/// No update can be left half done, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::time::timeout;

    use super::*;

    /// Of 32 places, two are held back.
    const PLACES: usize = 32;
    const KEPT: usize = PLACES - PLACES / HELD_BACK;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn open(
        connections: &Arc<Connections>,
        number: usize,
        peer: &str,
    ) -> Vec<Option<Arc<Connection>>> {
        let open = || Some(connections.open(address(peer)));
        std::iter::repeat_with(open).take(number).collect()
    }

    /// Which connections were told to end. They do.
    fn ended(open: &mut [Option<Arc<Connection>>]) -> Vec<usize> {
        let mut ended = Vec::new();
        for (number, place) in open.iter_mut().enumerate() {
            let told = place
                .as_ref()
                .and_then(|connection| connection.has_to_end().now_or_never());
            if told.is_some() {
                *place = None;
                ended.push(number);
            }
        }
        ended
    }

    fn connection(place: Option<&Arc<Connection>>) -> &Arc<Connection> {
        place.unwrap()
    }

    #[test]
    fn the_oldest_silent_connection_of_who_holds_most_ends_first() {
        let connections = Connections::new(PLACES);
        let mut few = open(&connections, 2, "192.0.2.1");
        let mut many = open(&connections, KEPT - 2, "192.0.2.2");
        assert_eq!(ended(&mut many), [0; 0], "there is room");
        let mut new = open(&connections, 2, "192.0.2.3");
        assert_eq!(ended(&mut many), [0, 1]);
        assert_eq!((ended(&mut few), ended(&mut new)), (vec![], vec![]));
    }

    #[test]
    fn a_neighbour_in_the_same_network_of_ipv6_is_the_same_client() {
        let connections = Connections::new(PLACES);
        let mut few = open(&connections, 3, "192.0.2.1");
        let network = |number: usize| format!("2001:db8::{number:x}");
        let mut many: Vec<_> = (3..KEPT)
            .flat_map(|number| open(&connections, 1, &network(number)))
            .collect();
        drop(open(&connections, 1, "192.0.2.3"));
        assert_eq!((ended(&mut many), ended(&mut few)), (vec![0], vec![]));
    }

    #[test]
    fn else_the_longest_idle_ends_and_never_one_in_a_request() {
        let connections = Connections::new(PLACES);
        let mut many = open(&connections, KEPT, "192.0.2.2");
        let mut requests: Vec<_> = many
            .iter()
            .map(|place| connection(place.as_ref()).begin())
            .collect();
        let _busy: Vec<_> = (KEPT..PLACES)
            .map(|_| connections.open(address("192.0.2.2")).begin())
            .collect();
        assert_eq!(ended(&mut many), [0; 0], "all are in a request");
        assert!(
            connections.room().now_or_never().is_none(),
            "nothing can end"
        );
        // The sixth becomes idle before the second.
        drop((requests.remove(5), requests.remove(1)));
        assert!(
            connections.room().now_or_never().is_none(),
            "it has not ended"
        );
        assert_eq!(ended(&mut many), [5]);
        assert!(connections.room().now_or_never().is_some());
        let _next = open(&connections, 1, "192.0.2.3");
        assert_eq!(ended(&mut many), [1]);
    }

    #[test]
    fn a_refused_request_may_end_before_its_body_has_come() {
        let connections = Connections::new(PLACES);
        let mut many = open(&connections, KEPT, "192.0.2.2");
        let _requests: Vec<_> = many
            .iter()
            .map(|place| connection(place.as_ref()).begin())
            .collect();
        connection(many[3].as_ref()).refuse();
        let _next = open(&connections, 1, "192.0.2.3");
        assert_eq!(ended(&mut many), [3]);
    }

    #[tokio::test]
    async fn who_waits_for_a_place_gets_the_next_one() {
        let connections = Connections::new(1);
        let mut one = open(&connections, 1, "192.0.2.1");
        let request = connection(one[0].as_ref()).begin();
        let waiting = async {
            timeout(Duration::from_secs(10), connections.room())
                .await
                .unwrap();
        };
        tokio::join!(waiting, async {
            drop(request);
            while ended(&mut one).is_empty() {
                tokio::task::yield_now().await;
            }
        });
    }

    #[test]
    fn a_connection_that_waits_for_messages_takes_no_place() {
        let connections = Connections::new(1);
        let one = open(&connections, 1, "192.0.2.1");
        let _request = connection(one[0].as_ref()).begin();
        let lent = connection(one[0].as_ref()).lend_place();
        assert!(connections.room().now_or_never().is_some());
        drop(lent);
        assert!(connections.room().now_or_never().is_none());
        drop(one);
    }
}
