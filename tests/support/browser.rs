//! A real browser, used as an operator would use it, by way of its driver, with the `WebDriver` protocol of the W3C.
//! `scripts/test` finds or installs both: see `scripts/lib/browser.sh`.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::process::PATIENCE;

/// How often is looked whether the page is as wanted: it does not tell.
const LOOK: Duration = Duration::from_millis(20);

/// The driver and the browser are in one process group with a shell. It kills the group as soon as its standard input
/// ends, and so however the test ended: by itself, in a panic, or killed.
const KEEPER: &str = r#"{ "$0" --port=0; kill -KILL 0; } & read -r _; kill -KILL 0"#;

/// How the standard marks an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window and a profile of its own. Ends when dropped.
pub(crate) struct Browser {
    client: reqwest::Client,
    /// The URL of the driver, and then of its session.
    session: String,
    keeper: Child,
    directory: TempDir,
    _output: Lines<BufReader<ChildStdout>>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let begin = Instant::now();
        while matches!(self.keeper.try_wait(), Ok(None)) && begin.elapsed() < PATIENCE {
            std::thread::sleep(LOOK);
        }
        // What was killed may be about to write for a moment longer.
        while std::fs::remove_dir_all(self.directory.path()).is_err() && begin.elapsed() < PATIENCE
        {
            std::thread::sleep(LOOK);
        }
    }
}

/// How often a browser is started at most.
const STARTS: usize = 3;

impl Browser {
    /// A browser with an empty window, or nothing but a line where there is none.
    pub(crate) async fn start() -> Option<Self> {
        let Some(driver) = std::env::var_os("TEST_CHROMEDRIVER") else {
            // Past the test runner, which keeps what a test prints that does not fail.
            let line = "left out: a test of the page in a browser, as TEST_CHROMEDRIVER is not set";
            writeln!(std::io::stderr(), "{line}").ok();
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(driver)
            // No proxy and no settings of somebody's.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .env("LANG", "C.UTF-8")
            .current_dir(directory.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let port = timeout(PATIENCE, port(&mut output))
            .await
            .expect("the driver does not start");
        let client = chatrace_webhook::http_client::builder().timeout(PATIENCE);
        let mut browser = Self {
            client: client.build().unwrap(),
            session: format!("http://127.0.0.1:{port}/session"),
            keeper,
            directory,
            _output: output,
        };
        let mut answer = browser.post("", browser.wishes()).await;
        for _ in 1..STARTS {
            // A browser that ends at its own start says nothing about the page.
            if matches!(&answer, Err(error) if error.contains("Chrome instance exited")) {
                answer = browser.post("", browser.wishes()).await;
            }
        }
        let answer = answer.unwrap();
        let id = answer["sessionId"].as_str().unwrap();
        browser.session = format!("{}/{id}", browser.session);
        Some(browser)
    }

    fn wishes(&self) -> Value {
        let profile = self.directory.path().join("profile");
        let mut options = json!({"args": [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--no-first-run",
            // Whatever a page asks for, nothing leaves this machine.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            format!("--user-data-dir={}", profile.display()),
        ]});
        if let Ok(program) = std::env::var("TEST_CHROMIUM") {
            options["binary"] = program.into();
        }
        json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}})
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) async fn go(&self, url: &str) {
        self.post("/url", json!({"url": url})).await.unwrap();
    }

    /// Goes back, as the browser's own button does.
    pub(crate) async fn back(&self) {
        self.post("/back", json!({})).await.unwrap();
    }

    /// Makes the window's inside so wide, as on a telephone.
    pub(crate) async fn resize(&self, width: u32) {
        let parameters =
            json!({"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": false});
        self.tool("Emulation.setDeviceMetricsOverride", parameters)
            .await;
    }

    /// Runs this before the scripts of every page that is opened from now on.
    pub(crate) async fn prepare(&self, script: &str) {
        let parameters = json!({"source": script});
        self.tool("Page.addScriptToEvaluateOnNewDocument", parameters)
            .await;
    }

    /// What only the tools for developers can do.
    async fn tool(&self, command: &str, parameters: Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", body).await.unwrap();
    }

    /// Says yes to what the browser would ask about, as the permission is called.
    pub(crate) async fn grant(&self, permission: &str) {
        let body = json!({"descriptor": {"name": permission}, "state": "granted"});
        self.post("/permissions", body).await.unwrap();
    }

    /// Clicks on the first element of this selector, once it is there and can be clicked on.
    pub(crate) async fn click(&self, selector: &str) {
        self.act(selector, "click", json!({})).await;
    }

    /// Types into the first element of this selector, once it is there and takes it.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        self.act(selector, "value", json!({"text": text})).await;
    }

    async fn act(&self, selector: &str, action: &str, body: Value) {
        let what = format!("`{selector}` for `{action}`");
        self.awaited(&what, async || {
            let query = json!({"using": "css selector", "value": selector});
            let found = self.post("/element", query).await?;
            let element = found[ELEMENT].as_str().unwrap();
            let path = format!("/element/{element}/{action}");
            self.post(&path, body.clone()).await
        })
        .await;
    }

    /// The text of the first element of this selector, once it is there.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let text = self
            .value("document.querySelector(given)?.textContent", selector)
            .await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until an expression has a value other than null and false, and answers it. `given` in it is the argument.
    pub(crate) async fn value(&self, expression: &str, given: impl Into<Value>) -> Value {
        let given = given.into();
        let what = format!("`{expression}` with {given}");
        self.awaited(&what, async || {
            let value = self.run(expression, given.clone()).await?;
            if matches!(value, Value::Null | Value::Bool(false)) {
                return Err(value.to_string());
            }
            Ok(value)
        })
        .await
    }

    /// The value that an expression has now.
    pub(crate) async fn now(&self, expression: &str) -> Value {
        self.run(expression, Value::Null).await.unwrap()
    }

    /// What axe-core finds that keeps people with disabilities out of the page.
    pub(crate) async fn barriers(&self) -> Value {
        let Some(packages) = std::env::var_os("TEST_HANDLERS") else {
            return json!([]);
        };
        let path = std::path::Path::new(&packages).join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(path).unwrap();
        let ask = "axe.run(document).then(found => done(found.violations.map(one => \
            [one.id, one.nodes[0].html.slice(0, 300)])))";
        let script = format!("const done = arguments[0]; {axe}; {ask}");
        let body = json!({"script": script, "args": []});
        self.post("/execute/async", body).await.unwrap()
    }

    /// Prefers a light or a dark page, as the settings of the reader's system may.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tool("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let presses = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let presses: Vec<_> = presses.collect();
        let body = json!({"actions": [{"type": "key", "id": "keys", "actions": presses}]});
        self.post("/actions", body).await.unwrap();
    }

    async fn run(&self, expression: &str, given: Value) -> Result<Value, String> {
        let script = format!("const given = arguments[0]; return {expression};");
        let body = json!({"script": script, "args": [given]});
        self.post("/execute/sync", body).await
    }

    /// Tries until it works.
    async fn awaited(&self, what: &str, attempt: impl AsyncFn() -> Result<Value, String>) -> Value {
        let mut last = String::new();
        let trying = async {
            loop {
                match attempt().await {
                    Ok(value) => return value,
                    Err(why) => last = why,
                }
                sleep(LOOK).await;
            }
        };
        if let Ok(value) = timeout(PATIENCE, trying).await {
            return value;
        }
        let page = "location.href + '\\n' + document.documentElement.outerHTML.slice(0, 20000)";
        let page = self.run(page, Value::Null).await;
        let page = page.map_or_else(|why| why, |page| page.as_str().unwrap().to_owned());
        panic!("{what} never comes, last {last}, on the page {page}");
    }

    /// The cookies that the page would be asked with, those that no script sees included.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        let cookies = self.call(Method::GET, "/cookie", None).await.unwrap();
        cookies.as_array().unwrap().clone()
    }

    /// What the console has been told since it was last asked, but remarks: errors, warnings, breaches of the policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        let log = log.unwrap();
        let entries = log.as_array().unwrap().iter();
        entries
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// One question to the driver. The error is its code and explanation.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let good = response.status().is_success();
        let value = response.json::<Value>().await.unwrap()["value"].take();
        if good {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or_default();
        Err(format!("{}: {message}", value["error"]))
    }
}

/// The port that the driver says it has taken.
async fn port(output: &mut Lines<BufReader<ChildStdout>>) -> u16 {
    while let Some(line) = output.next_line().await.unwrap() {
        if line.contains("started successfully") {
            let digits = line.trim_end_matches('.').rsplit(' ').next();
            return digits.unwrap().parse().unwrap();
        }
    }
    panic!("the driver ended before it had a port");
}
