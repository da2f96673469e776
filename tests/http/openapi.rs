//! The description of the API is true and reviewed.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, App, Backend};

async fn description(app: &App) -> Value {
    Answer::to(app.request(Method::GET, "/openapi.json"))
        .await
        .ok()
}

#[tokio::test]
async fn the_description_is_the_reviewed_one() {
    let app = App::start(Backend::Sqlite).await;
    let description = description(&app).await;
    assert_eq!(description["openapi"], "3.1.0");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!("openapi", description));
}

#[test]
fn no_route_is_without_a_description() {
    // `routes!` takes the description along with the handler; `.route(` would not. The page is for people.
    let source = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let http = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    assert!(source(&http.with_extension("rs")).contains("routes!(messages::list)"));
    let mut files = vec![http.with_extension("rs")];
    let mut directories = vec![http.clone()];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.retain(|path| !path.starts_with(http.join("page")) && *path != http.join("page.rs"));
    assert!(files.len() > 20, "{files:?}");
    for path in files {
        assert!(!source(&path).contains(".route("), "{}", path.display());
    }
}

#[tokio::test]
async fn every_operation_is_there_and_has_a_name_of_its_own() {
    let app = App::start(Backend::Sqlite).await;
    let description = description(&app).await;
    let mut ids = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = path.replace("{id}", &uuid::Uuid::nil().to_string());
            let answer = app.request(method, &path).send().await.unwrap();
            let status = answer.status().as_u16();
            assert!(
                ![404, 405].contains(&status) && status < 500,
                "{path}: {status}"
            );
            let described = operation["responses"].as_object().unwrap();
            assert!(
                described.contains_key(&status.to_string()),
                "{path}: {status}"
            );
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// Whether a schema shows an answer: it has an example, or each of its parts does. A yes or no needs none.
fn is_shown(schema: &Value, schemas: &Value) -> bool {
    if schema.get("example").is_some() || schema["type"] == "boolean" {
        return true;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return is_shown(&schemas[name], schemas);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().all(|part| is_shown(part, schemas));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().any(|choice| is_shown(choice, schemas));
    }
    if let Some(properties) = schema["properties"].as_object() {
        return properties
            .values()
            .all(|property| is_shown(property, schemas));
    }
    schema["type"] == "array" && is_shown(&schema["items"], schemas)
}

#[tokio::test]
async fn every_good_answer_has_an_example() {
    let app = App::start(Backend::Sqlite).await;
    let description = description(&app).await;
    let schemas = &description["components"]["schemas"];
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = operation["responses"]["200"]["content"].as_object();
            for (kind, media) in content.unwrap() {
                let shown = media.get("example").is_some() || is_shown(&media["schema"], schemas);
                assert!(shown, "{method} {path}: {kind}");
            }
        }
    }
}
