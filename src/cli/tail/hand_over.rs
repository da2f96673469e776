//! What happens to each message beside being printed: it is posted to a handler, or a command is run for it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::Client;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::sleep;
use url::Url;

use crate::cli::terminal;
use crate::crypto;
use crate::http_client::{self, RequestError};
use crate::i18n::Text;
use crate::text::one_line;
use crate::time::Clock;

/// How long a handler may take. A debugger may hold it.
const TIMEOUT: Duration = Duration::from_mins(5);
/// The pause before a handler that is not there is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Where each message goes.
#[derive(Debug)]
pub(super) enum HandOver {
    /// Nowhere else.
    Print,
    /// To a handler, as a destination gets it.
    Post {
        client: Client,
        url: Url,
        key: Option<Vec<u8>>,
    },
    /// To a command, as one line of JSON on its standard input.
    Run(String),
}

impl HandOver {
    /// To a handler at a URL, signed if there is a secret.
    pub(super) fn to_handler(url: Url, secret: Option<&SecretString>) -> anyhow::Result<Self> {
        let key = secret.map(|secret| {
            crypto::webhook_key(secret.expose_secret())
                .context("FORWARD_SECRET begins with whsec_, but is not base64 after that")
        });
        let mut client = http_client::client().timeout(TIMEOUT);
        if url.scheme() == "http" {
            // Without TLS no certificates are needed.
            client = client.tls_certs_only([]);
        }
        Ok(Self::Post {
            client: client.build().context("cannot make an HTTP client")?,
            url,
            key: key.transpose()?,
        })
    }

    /// Whether the command's own output is all that is wanted.
    pub(super) fn is_command(&self) -> bool {
        matches!(self, Self::Run(_))
    }

    /// Hands a message over. Answers what to print about it.
    ///
    /// # Errors
    /// When the command did not end with 0: the cursor must not pass this message.
    pub(super) async fn hand_over(&self, message: &Value) -> anyhow::Result<Option<String>> {
        match self {
            Self::Print => Ok(None),
            Self::Post { client, url, key } => {
                Ok(Some(post(client, url, key.as_deref(), message).await))
            }
            Self::Run(command) => run(command, message).await.map(|()| None),
        }
    }
}

/// Posts until somebody answers.
async fn post(client: &Client, url: &Url, key: Option<&[u8]>, message: &Value) -> String {
    let kind = if message["direction"] == "outbound" {
        "message.sent"
    } else {
        "message.received"
    };
    let body = json!({ "type": kind, "timestamp": message["receivedAt"], "data": message });
    let body = body.to_string();
    let id = message["id"].as_str().unwrap_or_default();
    let mut is_waiting = false;
    loop {
        let timestamp = Clock::system().now().as_second();
        let mut request = client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        if let Some(key) = key {
            let signature = crypto::webhook_signature(key, id, timestamp, body.as_bytes());
            request = request.header("webhook-signature", signature);
        }
        let began = Instant::now();
        match request.body(body.clone()).send().await {
            Ok(response) => {
                let (status, took) = (response.status(), began.elapsed().as_millis());
                let answer = http_client::read_body(response).await.unwrap_or_default();
                let answer = String::from_utf8_lossy(&answer);
                return format!("  {status} after {took} ms {}", one_line(answer.trim()));
            }
            Err(error) => {
                if !is_waiting {
                    let cause = RequestError::from(&error).text();
                    terminal::say_text(&Text::new("handler-does-not-answer").with("cause", cause));
                }
                is_waiting = true;
                sleep(PAUSE).await;
            }
        }
    }
}

async fn run(command: &str, message: &Value) -> anyhow::Result<()> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run `sh`")?;
    if let Some(mut input) = child.stdin.take() {
        // A command that does not read its input is fine.
        input
            .write_all(format!("{message}\n").as_bytes())
            .await
            .ok();
    }
    let status = child.wait().await.context("cannot wait for the command")?;
    if status.success() {
        return Ok(());
    }
    let id = one_line(message["id"].as_str().unwrap_or_default());
    let sentence = Text::new("command-failed")
        .with("status", status.to_string())
        .with("message", &*id);
    Err(anyhow::Error::msg(sentence))
}
