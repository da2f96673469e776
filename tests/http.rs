//! The API, the webhook and the operator's page.

mod auth;
mod contacts;
mod diagnosis;
mod messages;
mod openapi;
mod page;
mod webhook;
