//! What the service is compared with over HTTP, on the same server settings.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chatrace_webhook::config::Limits;
use chatrace_webhook::http::{WEBHOOK_PATH, serve};
use chatrace_webhook::lifecycle::Lifecycle;
use clap::Parser;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The table of every peer, `pgbench` included: the message, and the body as it came.
pub(crate) const TABLE: &str = "CREATE TABLE peer_messages (
    id           text        PRIMARY KEY,
    contact_id   text        NOT NULL,
    username     text        NOT NULL,
    display_name text        NOT NULL,
    text         text        NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    body         bytea       NOT NULL
)";

/// Reads and parses only.
#[derive(Debug, Parser)]
pub(crate) struct Floor {
    #[arg(long)]
    port: u16,
}

/// One INSERT for each request.
#[derive(Debug, Parser)]
pub(crate) struct Conventional {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    database: String,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "message_id")]
    id: String,
    contact_id: String,
    username: String,
    name: String,
    text: String,
}

/// As long as the service's own answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    success: bool,
    delivery_id: Uuid,
    outcome: &'static str,
    stored: u32,
    duplicates: u32,
    ignored: u32,
    quarantined: u32,
}

impl Answer {
    fn stored() -> Json<Self> {
        Json(Self {
            success: true,
            delivery_id: Uuid::now_v7(),
            outcome: "stored",
            stored: 1,
            duplicates: 0,
            ignored: 0,
            quarantined: 0,
        })
    }
}

impl Floor {
    pub(crate) async fn serve(self) -> anyhow::Result<()> {
        let handler = async |body: Bytes| {
            let message: Message =
                serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
            std::hint::black_box(message);
            Ok::<_, StatusCode>(Answer::stored())
        };
        listen(self.port, Router::new().route(WEBHOOK_PATH, post(handler))).await
    }
}

impl Conventional {
    pub(crate) async fn serve(self) -> anyhow::Result<()> {
        let pool = PgPoolOptions::new()
            .min_connections(10)
            .max_connections(10)
            .test_before_acquire(false)
            .connect(&self.database)
            .await?;
        let router = Router::new()
            .route(WEBHOOK_PATH, post(insert))
            .with_state(Arc::new(pool));
        listen(self.port, router).await
    }
}

async fn insert(
    State(pool): State<Arc<PgPool>>,
    body: Bytes,
) -> Result<Json<Answer>, (StatusCode, String)> {
    let message: Message = serde_json::from_slice(&body)
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    sqlx::query(
        "INSERT INTO peer_messages (id, contact_id, username, display_name, text, body) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(message.id)
    .bind(message.contact_id)
    .bind(message.username)
    .bind(message.name)
    .bind(message.text)
    .bind(body.as_ref())
    .execute(pool.as_ref())
    .await
    .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    Ok(Answer::stored())
}

async fn listen(port: u16, router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    serve(
        listener,
        router,
        Limits::default(),
        || {},
        &Lifecycle::new(),
    )
    .await;
    Ok(())
}
