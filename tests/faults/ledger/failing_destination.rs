//! A destination that fails in every way, in turns with accepting.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatrace_webhook::crypto;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::injector::Random;
use crate::support::destination::SECRET;
use crate::support::wait::eventually_within;

/// Longer than the pause between two probes, and than anything takes that is killed meanwhile.
const REQUEST_PATIENCE: Duration = Duration::from_mins(2);

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mood {
    Accepts,
    /// Nobody listens.
    Refuses,
    /// No answer comes.
    Hangs,
    /// The connection is reset.
    Resets,
    /// 500.
    Fails,
    /// 429 with `Retry-After`.
    Throttles,
    /// 200, and the connection ends before the body does.
    CutsOff,
}

impl Mood {
    const BAD: [Self; 6] = [
        Self::Refuses,
        Self::Hangs,
        Self::Resets,
        Self::Fails,
        Self::Throttles,
        Self::CutsOff,
    ];
}

/// What it got.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Of each id that it accepted: the text, and how often.
    pub(crate) accepted: HashMap<String, (String, usize)>,
    /// How many requests it did not accept, and how.
    pub(crate) failed: BTreeMap<Mood, usize>,
    /// What was wrong with requests.
    pub(crate) complaints: Vec<String>,
}

/// The destination. It ends with the test.
pub(crate) struct FailingDestination {
    pub(crate) url: String,
    mood: Arc<watch::Sender<Mood>>,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl FailingDestination {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(watch::Sender::new(Mood::Accepts));
        let seen = Arc::<Mutex<Seen>>::default();
        let task = tokio::spawn(listen(listener, address, mood.subscribe(), seen.clone()));
        Self {
            url: format!("http://{address}/hook"),
            mood,
            seen,
            task,
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// How many requests came in a mood.
    fn requests(&self, mood: Mood) -> usize {
        let seen = self.seen();
        match mood {
            Mood::Accepts => seen.accepted.values().map(|(_, times)| times).sum(),
            mood => seen.failed.get(&mood).copied().unwrap_or_default(),
        }
    }

    /// Waits for a request in a mood.
    async fn more_than(&self, before: usize, mood: Mood) {
        let ask = async || self.requests(mood);
        eventually_within(REQUEST_PATIENCE, "a request comes", ask, |now| {
            *now > before
        })
        .await;
    }

    /// Fails in every way once before it fails in any way again, for so long; accepts in between and in the end.
    pub(crate) async fn fail(
        &self,
        random: &mut Random,
        lasts: std::ops::Range<u64>,
        time: Duration,
    ) {
        let until = Instant::now() + time;
        loop {
            let mut deck = Mood::BAD;
            random.shuffle(&mut deck);
            for mood in deck {
                let [before, accepted] = [mood, Mood::Accepts].map(|mood| self.requests(mood));
                self.mood.send_replace(mood);
                sleep(random.millis(lasts.clone())).await;
                // Where nobody listens, nobody counts.
                if mood != Mood::Refuses {
                    self.more_than(before, mood).await;
                }
                self.mood.send_replace(Mood::Accepts);
                sleep(random.millis(lasts.clone())).await;
                self.more_than(accepted, Mood::Accepts).await;
            }
            if Instant::now() > until {
                return;
            }
        }
    }
}

impl Drop for FailingDestination {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    listener: TcpListener,
    address: SocketAddr,
    mut mood: watch::Receiver<Mood>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut listener = Some(listener);
    loop {
        if *mood.borrow_and_update() == Mood::Refuses {
            listener = None;
        } else if listener.is_none() {
            // Connections that end may hold the port for a moment.
            listener = TcpListener::bind(address).await.ok();
        }
        let accept = async {
            if let Some(listener) = &listener {
                listener.accept().await.ok()
            } else {
                sleep(Duration::from_millis(10)).await;
                None
            }
        };
        tokio::select! {
            accepted = accept => if let Some((stream, _)) = accepted {
                tokio::spawn(answer_all(stream, mood.clone(), seen.clone()));
            },
            changed = mood.changed() => if changed.is_err() { return },
        }
    }
}

/// Answers the requests of a connection, until one of both sides ends it.
async fn answer_all(
    mut stream: TcpStream,
    mut mood: watch::Receiver<Mood>,
    seen: Arc<Mutex<Seen>>,
) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let now = *mood.borrow();
        if now == Mood::Accepts {
            seen.lock().unwrap().accept(&head, &body);
        } else {
            *seen.lock().unwrap().failed.entry(now).or_default() += 1;
        }
        let answer = match now {
            Mood::Accepts => "HTTP/1.1 204 No Content\r\n\r\n",
            Mood::Fails => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
            Mood::Throttles => {
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
            }
            Mood::CutsOff => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"success\":",
            Mood::Hangs => {
                mood.wait_for(|mood| *mood != Mood::Hangs).await.ok();
                return;
            }
            Mood::Resets => {
                stream.set_zero_linger().ok();
                return;
            }
            Mood::Refuses => return,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || now == Mood::CutsOff {
            return;
        }
    }
}

/// The head of a request, in small letters for the names of headers alone, and its body.
async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).ok()?;
    let mut body = read.split_off(end + 4);
    let length: usize = header(&head, "content-length").parse().ok()?;
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
    let found = pairs.find(|(one, _)| one.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

impl Seen {
    fn accept(&mut self, head: &str, body: &[u8]) {
        let id = header(head, "webhook-id");
        let key = STANDARD.decode(&SECRET[6..]).unwrap();
        let timestamp = header(head, "webhook-timestamp")
            .parse()
            .unwrap_or_default();
        let signature = crypto::webhook_signature(&key, id, timestamp, body);
        if header(head, "webhook-signature") != signature {
            self.complaints.push(format!("{id} is not signed: {head}"));
        }
        let event: Value = serde_json::from_slice(body).unwrap();
        let text = event["data"]["text"].as_str().unwrap();
        let first = || (text.to_owned(), 0);
        let known = self.accepted.entry(id.to_owned()).or_insert_with(first);
        known.1 += 1;
        if known.0 != text {
            let other = format!("{id} came with `{}` and with `{text}`", known.0);
            self.complaints.push(other);
        }
    }
}
