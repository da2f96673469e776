//! Messages as a file.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::super::AppState;
use super::super::error::{ApiError, ReadErrors};
use super::super::extract::Query;
use super::parameters::ExportMessages;
use crate::export::Export;

/// Messages as a file
///
/// Everything that was there when the request came, oldest first. It is read while it is sent, so that it may be of any
/// size. If the database fails on the way, or the service stops, the connection is cut: a transfer that ends orderly is
/// complete. In CSV, a cell that a spreadsheet would run as a formula, or would change, begins with an apostrophe.
#[utoipa::path(
    get, path = "/instagram/messages/export", operation_id = "exportMessages", tag = "messages",
    params(ExportMessages), security(("apiToken" = [])),
    responses(
        (status = 200, description = "The file.", headers(("content-disposition" = String, description = "`attachment`, with a name.")),
            content(
                (String = "application/jsonl", example = json!("{\"id\":\"01a2040f-ed23-7574-ac16-ad6fae66b3ad\",\"position\":4}\n")),
                (String = "text/csv", example = json!("id,position\r\n01a2040f-ed23-7574-ac16-ad6fae66b3ad,4\r\n")),
            )),
        ReadErrors,
    )
)]
pub(in crate::http) async fn export(
    State(state): State<AppState>,
    Query(query): Query<ExportMessages>,
) -> Result<Response, ApiError> {
    let feed = state.store.clone();
    let mut export = Export::begin(&*feed, query.filter(), query.format).await?;
    // The first page before the status: a database that is away is a 503, not a file that breaks off.
    let first = export.next(&*feed).await?;
    let soft = state.lifecycle.soft().clone();
    let rest = stream::unfold(Some((feed, export)), move |reading| {
        let soft = soft.clone();
        async move {
            let (feed, mut export) = reading?;
            let page = tokio::select! {
                page = export.next(&*feed) => page.map_err(io::Error::other),
                () = soft.cancelled() => Err(io::Error::other("the service stops")),
            };
            match page {
                Ok(Some(page)) => Some((Ok(page), Some((feed, export)))),
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(%error, "an export is cut");
                    Some((Err(error), None))
                }
            }
        }
    });
    let body = stream::iter(first.map(Ok)).chain(rest).map_ok(Bytes::from);
    let disposition = format!(
        "attachment; filename=\"messages.{}\"",
        query.format.as_str()
    );
    let headers: [(HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, query.format.content_type()),
        (header::CONTENT_DISPOSITION, &disposition),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
