//! The API, the webhook and the operator's page.

mod auth;
mod cases;
mod contacts;
mod diagnosis;
mod lists;
mod messages;
mod metrics;
mod openapi;
mod page;
mod webhook;
