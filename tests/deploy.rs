//! The files of `deploy/` and compose.yaml, as far as they can be checked without what they are for.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use chatrace_webhook::config::variables::VARIABLES;
use regex::Regex;
use serde_json::Value;

use crate::support::process::path;
use crate::support::{App, postgres};

/// Runs systemd-analyze on the units, with the program where it is. Nothing where that is missing.
fn analyze(arguments: &[&str]) {
    let units = tempfile::tempdir().unwrap();
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    for entry in std::fs::read_dir(deploy).unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("/usr/local/bin/chatrace-webhook", &path());
        std::fs::write(units.path().join(file.file_name().unwrap()), text).unwrap();
    }
    let mut command = Command::new("systemd-analyze");
    let Ok(output) = command.args(arguments).current_dir(units.path()).output() else {
        return;
    };
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[test]
fn the_units_are_well_formed_and_keep_the_service_in_a_small_place() {
    const UNITS: [&str; 3] = [
        "./chatrace-webhook.service",
        "./chatrace-webhook.socket",
        "./chatrace-webhook@shop.service",
    ];
    analyze(&["verify", UNITS[0], UNITS[1], UNITS[2]]);
    for unit in ["./chatrace-webhook.service", "./chatrace-webhook@.service"] {
        analyze(&["security", "--offline=yes", "--threshold=15", unit]);
    }
}

#[test]
fn the_files_for_containers_set_variables_that_exist() {
    let kubernetes = include_str!("../deploy/kubernetes/chatrace-webhook.yaml");
    let compose = include_str!("../compose.yaml");
    // Those of the other containers, and of Compose itself.
    let others = Regex::new("^(COMPOSE_|POSTGRES_|TUNNEL_|SITE$|SUBNET$|PUBLISH$|CMD$)").unwrap();
    let set = Regex::new(
        r"(?m)^ +([A-Z][A-Z_]+):|from-literal=([A-Z_]+)=|name: ([A-Z][A-Z_]+)|^#   ([A-Z_]+)=",
    )
    .unwrap();
    let mut known = 0;
    for found in set.captures_iter(&format!("{kubernetes}{compose}")) {
        let name = found.iter().skip(1).flatten().next().unwrap().as_str();
        if others.is_match(name) {
            continue;
        }
        let is_listed = VARIABLES.iter().any(|variable| variable.name == name);
        assert!(is_listed, "{name} does not exist");
        known += 1;
    }
    assert!(known >= 10, "only {known} are set");
}

/// A role finds the schema that has its name: "$user" comes first in Postgres's search path.
#[tokio::test]
async fn installations_share_a_database_and_nothing_else() {
    let url = postgres::fresh_database().await;
    let mut shops = Vec::new();
    for number in 1..=2_u128 {
        let shop = format!("shop{number}_{}", uuid::Uuid::now_v7().simple());
        let sql = format!("CREATE ROLE {shop} LOGIN; CREATE SCHEMA AUTHORIZATION {shop}");
        postgres::execute(&url, sql).await;
        let url = url.replace("postgres@", &format!("{shop}@"));
        let app = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]).await;
        for text in 0..number {
            let body = format!(r#"{{"contact_id":"1","text":"{shop} {text}"}}"#);
            assert_eq!(app.post(body).await.ok()["outcome"], "stored");
        }
        shops.push((shop, app));
    }
    for ((shop, app), number) in shops.iter().zip(1..) {
        let messages = app.messages().await;
        assert_eq!(messages.len(), number);
        let is_own = |message: &Value| message["text"].as_str().unwrap().starts_with(shop);
        assert!(messages.iter().all(is_own), "{messages:?}");
    }
}
