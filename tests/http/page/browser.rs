//! The page as an operator sees it: in a real browser, from the real program.

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::browser::Browser;
use crate::support::process::{PATIENCE, Running, program};
use crate::support::{Backend, TOKEN, postgres};

/// The program with a database of its own, which outlives it.
pub(super) struct Service {
    child: Child,
    pub(super) base: String,
    database_url: Option<String>,
    directory: TempDir,
}

impl Service {
    pub(super) async fn start(backend: Backend) -> Self {
        let database_url = match backend {
            Backend::Postgres => Some(postgres::fresh_database().await),
            Backend::Sqlite => None,
        };
        let directory = tempfile::tempdir().unwrap();
        let (child, base) = serve(&directory, database_url.as_deref(), "0", &[]).await;
        Self {
            child,
            base,
            database_url,
            directory,
        }
    }

    /// Stops it as a service manager does.
    pub(super) async fn stop(&mut self) {
        let id = self.child.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(kill.unwrap().success());
        let ended = timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.expect("the program does not end").unwrap().success());
    }

    /// Starts it again on the same port.
    pub(super) async fn start_again(&mut self) {
        self.start_again_with(&[]).await;
    }

    /// The same, with more variables.
    pub(super) async fn start_again_with(&mut self, variables: &[(&str, &str)]) {
        let port = self.base.rsplit(':').next().unwrap();
        let url = self.database_url.as_deref();
        let (child, _) = serve(&self.directory, url, port, variables).await;
        self.child = child;
    }

    /// Posts to the webhook, and answers what became of it.
    pub(super) async fn post(&self, body: impl Into<reqwest::Body>) -> Value {
        let client = chatrace_webhook::http_client::builder().build().unwrap();
        let url = format!("{}/instagram/webhook", self.base);
        let request = client.post(url).header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    pub(super) async fn message(&self, name: &str, text: &str) {
        let body = json!({"contact_id": "1", "full_name": name, "text": text});
        assert_eq!(self.post(body.to_string()).await["stored"], 1);
    }
}

async fn serve(
    directory: &TempDir,
    database_url: Option<&str>,
    port: &str,
    variables: &[(&str, &str)],
) -> (Child, String) {
    let mut command = program(directory.path());
    command
        .arg("serve")
        .env("API_TOKEN", TOKEN)
        .env("PORT", port)
        .envs(variables.iter().copied())
        .envs(database_url.map(|url| ("DATABASE_URL", url)));
    let running = Running::start(command).await;
    let base = running.base.clone();
    (running.detach().0, base)
}

/// A service, and its page in a browser, told what comes; nothing where there is no browser.
pub(super) async fn opened(backend: Backend) -> Option<(Service, Browser)> {
    let browser = Browser::start().await?;
    // The page also looks every few seconds. What these tests wait for has to come when it happens.
    browser.prepare("window.setInterval = () => 0").await;
    let service = Service::start(backend).await;
    browser.go(&service.base).await;
    log_in(&browser, TOKEN).await;
    browser.value(LIVE, Value::Null).await;
    browser.go(&format!("{}/messages", service.base)).await;
    browser.value(LIVE, Value::Null).await;
    Some((service, browser))
}

pub(super) async fn log_in(browser: &Browser, token: &str) {
    browser
        .type_into("form#login input[name=token]", token)
        .await;
    browser.click("form#login button").await;
}

/// Every view that needs nothing to have arrived.
pub(super) const VIEWS: [&str; 7] = [
    "/",
    "/conversations",
    "/messages",
    "/deliveries",
    "/quarantine",
    "/forwarding",
    "/setup",
];
/// Whether the page is told what comes.
pub(super) const LIVE: &str = "document.querySelector('#live')?.dataset.state === 'live'";
/// Whether the page knows that it is told nothing.
const WAITING: &str = "document.querySelector('#live')?.dataset.state === 'waiting'";
/// Whether a message is shown whose text has the given one.
const SHOWN: &str = "[...document.querySelectorAll('#messages li[data-position]')]\
    .some(row => row.textContent.includes(given))";
/// Whether the only thing to do here is to log in.
const LOGGED_OUT: &str = "document.querySelector('form#login') && !document.querySelector('nav') \
    && document.title.includes('Log in')";

/// Nothing went wrong that the page did not show: no error, nothing that its policy forbids, nothing that was not
/// found.
pub(super) async fn assert_no_complaint(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[tokio::test]
async fn a_wrong_token_is_said_to_be_wrong_and_the_right_one_opens_the_page() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let service = Service::start(Backend::Sqlite).await;
    browser.go(&service.base).await;
    browser.value(LOGGED_OUT, Value::Null).await;
    let kind = "document.querySelector('form#login input[name=token]').type";
    assert_eq!(browser.now(kind).await, "password");
    assert_eq!(
        browser
            .now("document.querySelector('[role=alert]') === null")
            .await,
        true
    );
    assert_no_complaint(&browser).await;

    log_in(&browser, "wrong").await;
    let sentence = browser.text("[role=alert]").await;
    assert!(sentence.trim().contains(' '), "{sentence}");
    browser.value(LOGGED_OUT, Value::Null).await;
    assert_eq!(browser.cookies().await, [] as [Value; 0]);

    log_in(&browser, TOKEN).await;
    let verdict = "['ok', 'warning', 'problem', 'unknown']\
        .includes(document.querySelector('#verdict')?.dataset.status)";
    browser.value(verdict, Value::Null).await;
    let address = format!("{}/", service.base);
    assert_eq!(browser.now("location.href").await, address);
    for part in [
        "#verdict",
        "#next-step",
        "#numbers",
        "li[data-status]",
        "#first-steps",
    ] {
        let text = browser.text(part).await;
        assert!(!text.trim().is_empty(), "{part} is empty");
    }
    let mut cookies = browser.cookies().await;
    cookies.retain(|cookie| cookie["name"] != "chatrace_webhook_zone");
    let [cookie] = cookies.as_slice() else {
        panic!("one cookie: {cookies:?}");
    };
    assert!(
        cookie["name"]
            .as_str()
            .unwrap()
            .starts_with("chatrace_webhook_session_")
    );
    assert_eq!(cookie["httpOnly"], true);
    assert_eq!(cookie["sameSite"], "Lax");
    assert!(!cookie["value"].as_str().unwrap().contains(TOKEN));
}

#[rstest]
#[tokio::test]
async fn a_message_that_arrives_appears_by_itself(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let Some((service, browser)) = opened(backend).await else {
        return;
    };
    browser.now("window.stays = true").await;
    service.message("Ana", "the first one").await;
    browser.value(SHOWN, "the first one").await;
    service.message("Ana", "the second one").await;
    browser.value(SHOWN, "the second one").await;
    let rows = "[...document.querySelectorAll('#messages li[data-position]')].map(row => \
            [Number(row.dataset.position), row.querySelector('.text').textContent])";
    let rows = browser.now(rows).await;
    assert_eq!(rows[0][1], "the second one", "newest first: {rows}");
    assert_eq!(rows[1][1], "the first one", "newest first: {rows}");
    assert!(rows[0][0].as_i64() > rows[1][0].as_i64(), "{rows}");
    assert_eq!(
        browser.now("window.stays").await,
        true,
        "it was not reloaded"
    );
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn hostile_text_is_shown_as_text_and_runs_nothing() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    let hostile = [
        r#"<img src=x onerror="window.ran = 1">"#,
        "</script></template></textarea><script>window.ran = 2</script>",
        r#""><svg onload=window.ran=3>"#,
        "'; window.ran = 4; //{{7*7}}&lt;b&gt;",
        "\u{202e}gnp.exe\u{2066}",
    ];
    // Each of them is the text of one message and the name with another. What turns the direction of writing may be
    // shown by its number; nothing else is lost.
    let twice = "[...document.querySelectorAll('#messages li[data-position]')]\
        .filter(row => row.textContent.includes(given)).length === 2";
    let unharmed = async |selector: &str| {
        let foreign = "document.querySelectorAll(given + ' :is(img, script, svg, template, textarea)').length === 0 \
            && window.ran === undefined";
        browser.value(foreign, selector).await;
        assert_no_complaint(&browser).await;
    };
    for (number, text) in hostile.iter().enumerate() {
        let name = hostile[(number + 1) % hostile.len()];
        service.message(name, text).await;
    }
    // First as they come, then as they are there.
    for reload in [false, true] {
        if reload {
            browser.go(&format!("{}/messages", service.base)).await;
        }
        for text in hostile {
            let bare = text.trim_matches(['\u{202e}', '\u{2066}']);
            browser.value(twice, bare).await;
        }
        // What turns the direction of writing does so in a box of its own.
        let turned = "[...document.querySelectorAll('#messages li')].flatMap(row => {\
                const texts = document.createTreeWalker(row, NodeFilter.SHOW_TEXT), open = [];\
                for (let text; text = texts.nextNode();) {\
                    if (!/[\\u202a-\\u202e\\u2066-\\u2069]/.test(text.data)) continue;\
                    const style = getComputedStyle(text.parentElement);\
                    if (style.display === 'inline' && !/isolate|plaintext/.test(style.unicodeBidi)) \
                        open.push(text.parentElement.outerHTML);\
                }\
                return open;\
            })";
        assert_eq!(browser.now(turned).await, json!([]));
        unharmed("#messages").await;
    }

    // A body that is not understood is kept, and shown, as it came.
    let body = format!(r#"{{"foo": {}}}"#, json!(hostile.join("</pre>")));
    let taken = service.post(body.clone()).await;
    let delivery = taken["deliveryId"].as_str().unwrap();
    browser
        .go(&format!("{}/deliveries/{delivery}", service.base))
        .await;
    let shown = browser.text("#body").await;
    for text in &hostile[..4] {
        let text = json!(text).to_string();
        assert!(shown.contains(text.trim_matches('"')), "{text}: {shown}");
    }
    unharmed("#body").await;
}

#[tokio::test]
async fn the_page_outlives_a_restart_of_the_service() {
    let Some((mut service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    browser.now("window.stays = true").await;
    service.message("Ana", "before").await;
    browser.value(SHOWN, "before").await;
    service.stop().await;
    browser.value(WAITING, Value::Null).await;
    service.start_again().await;
    service.message("Ana", "in between").await;
    browser.value(LIVE, Value::Null).await;
    browser.value(SHOWN, "in between").await;
    service.message("Ana", "after").await;
    browser.value(SHOWN, "after").await;
    assert_eq!(
        browser.now("window.stays").await,
        true,
        "it was not reloaded"
    );
}

#[tokio::test]
async fn logging_out_ends_it() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    service.message("Ana", "for the operator alone").await;
    browser.value(SHOWN, "for the operator alone").await;
    browser.click("form#logout button").await;
    browser.value(LOGGED_OUT, Value::Null).await;
    let cookies = browser.cookies().await;
    let session = cookies.iter().find(|cookie| cookie["httpOnly"] == true);
    assert_eq!(session, None);
    // By the address, and by the button with which one goes back.
    browser.go(&service.base).await;
    browser.value(LOGGED_OUT, Value::Null).await;
    browser.back().await;
    browser.value(LOGGED_OUT, Value::Null).await;
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn nothing_comes_from_elsewhere_and_nothing_stands_in_the_page_that_its_policy_forbids() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    service.message("Ana", "one").await;
    let taken = service.post(r#"{"foo":1}"#).await;
    let delivery = taken["deliveryId"].as_str().unwrap();
    let one = format!("/deliveries/{delivery}");
    let person = "/conversation?channel=instagram&id=1";
    for page in VIEWS.iter().copied().chain([one.as_str(), person]) {
        browser.go(&format!("{}{page}", service.base)).await;
        let foreign = "performance.getEntriesByType('resource').map(entry => entry.name)\
            .filter(name => !name.startsWith(location.origin + '/'))";
        assert_eq!(browser.now(foreign).await, json!([]), "{page}");
        let inline = "[...document.querySelectorAll('*')].filter(element => \
                element.matches('style, [style], script:not([src])') \
                || element.getAttributeNames().some(name => name.startsWith('on'))\
            ).map(element => element.outerHTML)";
        assert_eq!(browser.now(inline).await, json!([]), "{page}");
        // The policy holds, and not only because nothing is there that it would forbid.
        let forbidden = "(() => {\
                const script = document.createElement('script');\
                script.text = 'window.ran = true';\
                document.body.append(script);\
                return window.ran === undefined;\
            })()";
        assert_no_complaint(&browser).await;
        assert_eq!(browser.now(forbidden).await, true, "{page}");
        let complaints = browser.complaints().await;
        assert_eq!(complaints.len(), 1, "{complaints:?}");
    }
}

#[tokio::test]
async fn a_body_in_quarantine_is_found_from_the_page() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    for body in ["null", r#"{"foo":1}"#] {
        let taken = service.post(body).await;
        assert_eq!(taken["quarantined"], 1, "{taken}");
        let delivery = taken["deliveryId"].as_str().unwrap();
        browser.go(&format!("{}/deliveries", service.base)).await;
        let row = "document.querySelector('#deliveries tbody tr').textContent";
        let newest = browser.value(row, Value::Null).await;
        assert!(
            newest.as_str().unwrap().contains("in quarantine"),
            "{newest}"
        );
        browser
            .click("#deliveries tbody tr a[href*=\"deliveries/\"]")
            .await;
        let shown = browser.text("#body").await;
        assert_eq!(shown.split_whitespace().collect::<String>(), body);
        let place = browser.now("location.pathname").await;
        assert_eq!(place, format!("/deliveries/{delivery}"));
        let reason = "[...document.querySelectorAll('#items tbody tr td')]\
            .map(cell => cell.textContent.trim())";
        let cells = browser.now(reason).await;
        let cells = cells.as_array().unwrap();
        assert!(cells.contains(&json!("in quarantine")), "{cells:?}");
        let sentence = |cell: &Value| cell.as_str().unwrap().split(' ').count() > 2;
        assert!(cells.iter().any(sentence), "a reason: {cells:?}");
    }
    assert_no_complaint(&browser).await;
}

#[tokio::test]
async fn on_a_narrow_screen_nothing_is_wider_than_the_screen() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    browser.resize(360).await;
    let fits = async |what: &str| {
        let wider = "[...document.querySelectorAll('body *')]\
            .filter(element => element.getBoundingClientRect().right > 360)\
            .map(element => element.outerHTML.slice(0, 200))";
        let size = browser
            .now("[document.documentElement.scrollWidth, innerWidth]")
            .await;
        assert_eq!(size[1], 360, "{what}");
        let width = size[0].as_i64().unwrap();
        let wider = browser.now(wider).await;
        assert!(width <= 360, "{what} is {width} wide: {wider:#}");
    };
    browser.go(&service.base).await;
    fits("the page of a new service").await;
    let long = "x".repeat(500);
    service.message(&long, &long).await;
    let body = json!({ &long: &long }).to_string();
    let taken = service.post(body).await;
    assert_eq!(taken["quarantined"], 1, "{taken}");
    let one = format!("/deliveries/{}", taken["deliveryId"].as_str().unwrap());
    let person = "/conversation?channel=instagram&id=1";
    for view in VIEWS.iter().copied().chain([one.as_str(), person]) {
        browser.go(&format!("{}{view}", service.base)).await;
        let details =
            "document.querySelectorAll('details').forEach(details => details.open = true)";
        browser.now(details).await;
        fits(view).await;
    }
    browser.click("form#logout button").await;
    browser.value(LOGGED_OUT, Value::Null).await;
    fits("the login").await;
}

#[tokio::test]
async fn what_the_setup_says_to_copy_is_copied() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    browser.grant("clipboard-read").await;
    browser.go(&format!("{}/setup", service.base)).await;
    browser.value(LIVE, Value::Null).await;
    let texts =
        "[...document.querySelectorAll('#setup [data-copy]')].map(button => button.dataset.copy)";
    let texts = browser.now(texts).await;
    let texts = texts.as_array().unwrap();
    let is_body = |text: &Value| text.as_str().unwrap().contains("{{last_input}}");
    assert!(texts.iter().any(is_body), "the body: {texts:?}");
    let is_template = |text: &Value| text.as_str().unwrap().starts_with("BODY_TEMPLATE='{");
    assert!(texts.iter().any(is_template), "its template: {texts:?}");
    for text in texts {
        let selector = "'#setup button[data-copy=\"' + CSS.escape(given) + '\"]'";
        let selector = browser.value(selector, text.clone()).await;
        browser.click(selector.as_str().unwrap()).await;
        let copied = "navigator.clipboard.readText().then(text => text === given)";
        browser.value(copied, text.clone()).await;
    }
    assert_no_complaint(&browser).await;
    drop(service);
}

#[tokio::test]
async fn what_comes_takes_nothing_from_under_the_readers_hands() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    service.message("Ana", "the first one").await;
    browser.value(SHOWN, "the first one").await;
    browser
        .now("document.querySelector('#messages a').focus()")
        .await;
    browser
        .now("getSelection().selectAllChildren(document.querySelector('#messages .text'))")
        .await;
    service.message("Ana", "the second one").await;
    browser.value(SHOWN, "the second one").await;
    let focused = "document.activeElement.closest('#messages li').textContent";
    let focused = browser.now(focused).await;
    assert!(
        focused.as_str().unwrap().contains("the first one"),
        "{focused}"
    );
    assert_eq!(browser.now("`${getSelection()}`").await, "the first one");
}

#[tokio::test]
async fn what_could_not_be_fetched_is_said_until_it_could() {
    let Some((service, browser)) = opened(Backend::Sqlite).await else {
        return;
    };
    let fails_once = "(() => {\
            const fetch = window.fetch;\
            window.fetch = async () => { window.fetch = fetch; throw new Error('a bad line'); };\
        })()";
    browser.now(fails_once).await;
    service.message("Ana", "unseen").await;
    browser.value(WAITING, Value::Null).await;
    service.message("Ana", "seen").await;
    browser.value(SHOWN, "seen").await;
    browser.value(SHOWN, "unseen").await;
    browser.value(LIVE, Value::Null).await;
    assert_no_complaint(&browser).await;
}
