//! A load generator for the webhook: HTTP/1.1 with keep-alive, a new message id in every request, and a histogram of
//! what each answer took. Prints one line of JSON.
//!
//! * Closed loop (default): each connection sends its next request when the last one is answered. That finds the
//!   highest rate, and flatters latency: nothing is sent while the service is slow.
//! * Open loop (`--rate`): requests are due at fixed times, and latency counts from when one was due, also when every
//!   connection was still busy. The timer's grain adds up to a millisecond.
//!
//! One thread, plain sockets and no HTTP library: it runs on the machine that it measures.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

#[path = "bench/body.rs"]
mod body;

use body::{Bodies, Identity};

/// What to send, and how much of it.
#[derive(Debug, Parser)]
struct Args {
    /// Where to send: `127.0.0.1:3000`.
    #[arg(long)]
    address: String,
    #[arg(long, default_value = "/instagram/webhook")]
    path: String,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How many seconds are measured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many seconds are sent before that; kept, but not measured.
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// Requests in a second, whatever the answers take. Without it: as many as are answered.
    #[arg(long)]
    rate: Option<f64>,
    /// How many people write; 0: somebody new in every message.
    #[arg(long, default_value_t = body::CONTACTS)]
    contacts: u64,
    /// What tells messages apart.
    #[arg(long, default_value = "id")]
    identity: Identity,
    /// A part of every message and of its id: another one for each run on the same database.
    #[arg(long, default_value = "run")]
    run: String,
    /// What every answer must hold, beside a status of 2xx.
    #[arg(long, default_value = "")]
    expect: String,
    /// Read every message back afterwards with this API token, and count the acknowledged ones that are not there.
    #[arg(long)]
    verify: Option<String>,
}

/// What the connections share. One thread, so nothing is locked.
struct Shared {
    args: Args,
    bodies: Bodies,
    head: Vec<u8>,
    began: Instant,
    measured_from: Instant,
    until: Instant,
    next: Cell<u64>,
    refused: Cell<u64>,
    broken: Cell<u64>,
    acknowledged: RefCell<Vec<u64>>,
    latencies: RefCell<Histogram<u64>>,
    /// The first answer that was not as expected.
    sample: RefCell<Option<String>>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = LocalSet::new().block_on(&runtime, run(args))?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

async fn run(args: Args) -> anyhow::Result<Value> {
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: loadgen\r\ncontent-type: application/json\r\ncontent-length: ",
        args.path, args.address
    );
    let mut streams = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        streams.push(connect(&args.address).await?);
    }
    let began = Instant::now();
    let measured_from = began + Duration::from_secs_f64(args.warmup);
    let shared = Rc::new(Shared {
        bodies: Bodies::new(&args.run, args.contacts, args.identity),
        head: head.into_bytes(),
        began,
        measured_from,
        until: measured_from + Duration::from_secs_f64(args.seconds),
        next: Cell::new(0),
        refused: Cell::new(0),
        broken: Cell::new(0),
        acknowledged: RefCell::default(),
        // One microsecond to one minute.
        latencies: RefCell::new(Histogram::new_with_bounds(1, 60_000_000, 3)?),
        sample: RefCell::default(),
        args,
    });
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::task::spawn_local(drive(shared.clone(), stream)))
        .collect();
    for task in tasks {
        task.await?;
    }
    let mut report = report(&shared);
    if let Some(token) = &shared.args.verify {
        let (stored, missing) = verify(&shared, token).await?;
        report["stored"] = json!(stored);
        report["missing"] = json!(missing);
    }
    Ok(report)
}

async fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("nobody listens at {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection, until the time is over and its last request is answered.
async fn drive(shared: Rc<Shared>, mut stream: TcpStream) {
    let mut request = Vec::with_capacity(1024);
    let mut answer = Vec::with_capacity(1024);
    loop {
        let number = shared.next.get();
        let due = match shared.args.rate {
            None => Instant::now(),
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            Some(rate) => shared.began + Duration::from_secs_f64(number as f64 / rate),
        };
        if due >= shared.until {
            return;
        }
        shared.next.set(number + 1);
        if due > Instant::now() {
            sleep_until(due).await;
        }
        let body = shared.bodies.body(number);
        request.clear();
        request.extend_from_slice(&shared.head);
        write!(request, "{}\r\n\r\n", body.len()).ok();
        request.extend_from_slice(body.as_bytes());
        match exchange(&mut stream, &request, &mut answer).await {
            Ok((status, from)) => shared.answered(number, due, status, &answer[from..]),
            Err(error) => {
                shared.broken.set(shared.broken.get() + 1);
                shared.note(|| error.to_string());
                sleep(Duration::from_millis(10)).await;
                match connect(&shared.args.address).await {
                    Ok(new) => stream = new,
                    Err(_) => return,
                }
            }
        }
    }
}

/// Sends a request and reads its answer: the status, and where the body begins.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    answer: &mut Vec<u8>,
) -> anyhow::Result<(u16, usize)> {
    stream.write_all(request).await?;
    answer.clear();
    let mut whole = None;
    loop {
        if let Some((from, to)) = whole
            && answer.len() >= to
        {
            let status = answer.get(9..12).unwrap_or_default();
            return Ok((std::str::from_utf8(status)?.parse()?, from));
        }
        if stream.read_buf(answer).await? == 0 {
            bail!("the connection was closed before the answer");
        }
        if whole.is_none()
            && let Some(end) = answer.windows(4).position(|part| part == b"\r\n\r\n")
        {
            let length = content_length(&answer[..end]).context("an answer without length")?;
            whole = Some((end + 4, end + 4 + length));
        }
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        let value = std::str::from_utf8(value).ok()?.trim();
        let is_it = name.eq_ignore_ascii_case(b"content-length:");
        is_it.then(|| value.parse().ok()).flatten()
    })
}

impl Shared {
    fn answered(&self, number: u64, due: Instant, status: u16, body: &[u8]) {
        let took = due.elapsed();
        let expected = self.args.expect.as_bytes();
        let as_expected =
            expected.is_empty() || body.windows(expected.len()).any(|part| part == expected);
        if !(200..300).contains(&status) || !as_expected {
            self.refused.set(self.refused.get() + 1);
            self.note(|| format!("{status} {}", String::from_utf8_lossy(body)));
            return;
        }
        self.acknowledged.borrow_mut().push(number);
        if due >= self.measured_from {
            let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.latencies.borrow_mut().saturating_record(took.max(1));
        }
    }

    fn note(&self, text: impl FnOnce() -> String) {
        self.sample.borrow_mut().get_or_insert_with(text);
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn report(shared: &Shared) -> Value {
    let latencies = shared.latencies.borrow();
    let ms = |microseconds: u64| microseconds as f64 / 1000.0;
    json!({
        "connections": shared.args.connections,
        "acknowledged": shared.acknowledged.borrow().len(),
        "refused": shared.refused.get(),
        "broken": shared.broken.get(),
        "sample": shared.sample.borrow().clone(),
        "rate": latencies.len() as f64 / shared.args.seconds,
        "p50": ms(latencies.value_at_quantile(0.5)),
        "p90": ms(latencies.value_at_quantile(0.9)),
        "p99": ms(latencies.value_at_quantile(0.99)),
        "p999": ms(latencies.value_at_quantile(0.999)),
        "max": ms(latencies.max()),
    })
}

/// Reads every message of the service, and answers how many there are and how many acknowledged ones are not.
async fn verify(shared: &Shared, token: &str) -> anyhow::Result<(usize, usize)> {
    let client = chatrace_webhook::http_client::builder().build()?;
    let mut found = vec![false; usize::try_from(shared.next.get())?];
    let mut stored = 0;
    let mut cursor = String::new();
    loop {
        let url = format!(
            "http://{}/instagram/messages?limit=1000&after={cursor}",
            shared.args.address
        );
        let request = client.get(url).bearer_auth(token);
        let page: Value = request.send().await?.error_for_status()?.json().await?;
        let messages = page["messages"].as_array().context("no messages")?;
        if messages.is_empty() {
            break;
        }
        stored += messages.len();
        for message in messages {
            let text = message["text"].as_str().unwrap_or_default();
            if let Some(number) = number_of(text, &shared.args.run)
                && let Some(found) = found.get_mut(number)
            {
                *found = true;
            }
        }
        let next = page["nextCursor"].as_str().context("no cursor")?;
        next.clone_into(&mut cursor);
    }
    let acknowledged = shared.acknowledged.borrow();
    let missing = acknowledged
        .iter()
        .filter(|number| !usize::try_from(**number).is_ok_and(|at| found[at]));
    Ok((stored, missing.count()))
}

/// The number of a message of this run, from its text.
fn number_of(text: &str, run: &str) -> Option<usize> {
    let (name, _) = text.split_once(':')?;
    name.strip_prefix(run)?.strip_prefix('-')?.parse().ok()
}
