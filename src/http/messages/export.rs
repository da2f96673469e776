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
use crate::export::{Export, Form};

/// Messages as a file
///
/// All messages at the time of the request, oldest first. They are read while they are sent, so the file may have any
/// size. If the database fails meanwhile, or the service stops, the connection is aborted: a transfer that ends
/// normally is complete. In CSV, a cell that a spreadsheet would run as a formula, or would change, begins with an
/// apostrophe.
#[utoipa::path(
    get, path = "/instagram/messages/export", operation_id = "exportMessages", tag = "messages",
    params(ExportMessages), security(("apiToken" = []), ("session" = [])),
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
    let form = Form::new(query.format, query.separator)
        .map_err(|problem| ApiError::BadRequest(format!("`separator` is wrong: {problem}.")))?;
    let mut export = Export::begin(&*feed, query.filter(state.clock.now()), form).await?;
    // Read the first page before the status is sent: if the database is away, the answer is 503, not an incomplete
    // file.
    let first = export.next(&*feed).await?;
    let soft = state.lifecycle.soft().clone();
    let rest = stream::unfold(Some((feed, export)), move |reading| {
        let soft = soft.clone();
        async move {
            let (feed, mut export) = reading?;
            let page = tokio::select! {
                page = export.next(&*feed) => page.map_err(io::Error::other),
                () = soft.cancelled() => Err(io::Error::other("the service is stopping")),
            };
            match page {
                Ok(Some(page)) => Some((Ok(page), Some((feed, export)))),
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(%error, "an export was aborted");
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
        (header::CONTENT_TYPE, form.content_type()),
        (header::CONTENT_DISPOSITION, &disposition),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
