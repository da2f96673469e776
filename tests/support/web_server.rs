//! A real web server between clients and services, with its configuration of `deploy/`. `scripts/test` finds or fetches
//! the program: see `scripts/lib/programs.sh`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::front::{Authority, free_port};
use super::wait::eventually;

/// The host name in the configurations.
const HOST: &str = "hooks.shop.example";
/// How often a web server is started at most: somebody else may get its port first.
const STARTS: usize = 5;

/// Which web server a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebServerKind {
    Nginx,
    Caddy,
}

/// Where the service is, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    BelowAPath,
    /// At several services, which may go and come.
    Replicas,
}

/// A web server with TLS on a port of its own. Ends when dropped.
pub(crate) struct WebServer {
    /// The URL of the service, without a slash at the end.
    pub(crate) base: String,
    port: u16,
    authority: Authority,
    _child: Child,
    _directory: TempDir,
}

impl WebServer {
    /// A web server in front of services, given by their URLs; nothing but a line where the program is missing.
    pub(crate) async fn start(
        kind: WebServerKind,
        place: Place,
        services: &[&str],
    ) -> Option<Self> {
        let variable = match kind {
            WebServerKind::Nginx => "TEST_NGINX",
            WebServerKind::Caddy => "TEST_CADDY",
        };
        let Some(program) = std::env::var_os(variable) else {
            let line = format!("left out: a test behind a proxy, as {variable} is not set");
            writeln!(std::io::stderr(), "{line}").ok();
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let (certificate, key) = authority.issue(HOST);
        std::fs::write(directory.path().join("fullchain.pem"), certificate).unwrap();
        std::fs::write(directory.path().join("privkey.pem"), key).unwrap();
        for _ in 0..STARTS {
            let port = free_port().await;
            let services: Vec<_> = services
                .iter()
                .map(|url| url.replace("http://", ""))
                .collect();
            let (file, text) = match kind {
                WebServerKind::Nginx => ("nginx.conf", nginx(place, port, &services)),
                WebServerKind::Caddy => ("Caddyfile", caddy(place, port, &services)),
            };
            let text = text.replace("DIRECTORY", directory.path().to_str().unwrap());
            std::fs::write(directory.path().join(file), text).unwrap();
            let mut child = command(kind, &program, directory.path()).spawn().unwrap();
            let path = if place == Place::BelowAPath {
                "/chat"
            } else {
                ""
            };
            let client = client(&authority, port, Ipv4Addr::LOCALHOST);
            let url = format!("https://{HOST}:{port}/nowhere");
            let ask = async || match child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => client.get(&url).send().await.is_ok().then_some(true),
            };
            let is_up = eventually("the proxy listens", ask, Option::is_some).await;
            if is_up == Some(true) {
                return Some(Self {
                    base: format!("https://{HOST}:{port}{path}"),
                    port,
                    authority,
                    _child: child,
                    _directory: directory,
                });
            }
        }
        panic!("{kind:?} does not start");
    }

    /// A client at this address of the machine.
    pub(crate) fn client(&self, address: Ipv4Addr) -> reqwest::Client {
        client(&self.authority, self.port, address)
    }
}

fn client(authority: &Authority, port: u16, address: Ipv4Addr) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    chatrace_webhook::http_client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([certificate])
        .resolve(HOST, (Ipv4Addr::LOCALHOST, port).into())
        .local_address(std::net::IpAddr::V4(address))
        .build()
        .unwrap()
}

fn command(kind: WebServerKind, program: &std::ffi::OsStr, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    match kind {
        WebServerKind::Nginx => {
            command.arg("-p").arg(directory).args(["-c", "nginx.conf"]);
        }
        WebServerKind::Caddy => {
            command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
            command.stderr(Stdio::null());
        }
    }
    command
}

/// The configuration of `deploy/nginx/` in a frame: one process, and its files in the directory.
fn nginx(place: Place, port: u16, services: &[String]) -> String {
    let site = match place {
        Place::Root | Place::Replicas => {
            let site = include_str!("../../deploy/nginx/chatrace-webhook.conf");
            let mut servers = String::new();
            for service in services {
                writeln!(servers, "server {service} max_fails=0;").unwrap();
            }
            let site = swapped(site, "server 127.0.0.1:3000 max_fails=0;", &servers);
            let site = swapped(
                &site,
                "listen 443 ssl;",
                &format!("listen 127.0.0.1:{port} ssl;"),
            );
            site.replace("/etc/letsencrypt/live/hooks.shop.example", "DIRECTORY")
        }
        Place::BelowAPath => {
            let location = include_str!("../../deploy/nginx/below-a-path.conf");
            let location = swapped(location, "127.0.0.1:3000", &services[0]);
            format!(
                "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate DIRECTORY/fullchain.pem; \
                 ssl_certificate_key DIRECTORY/privkey.pem; {location} }}"
            )
        }
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path DIRECTORY/{name};\n"))
        .concat();
    format!(
        "daemon off; master_process off; pid DIRECTORY/pid; error_log DIRECTORY/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off;\n{temporary}{site} }}\n"
    )
}

/// The configuration of `deploy/caddy/` with a certificate of the test's own.
fn caddy(place: Place, port: u16, services: &[String]) -> String {
    let file = match place {
        Place::Root => include_str!("../../deploy/caddy/Caddyfile"),
        Place::BelowAPath => include_str!("../../deploy/caddy/below-a-path.Caddyfile"),
        Place::Replicas => include_str!("../../deploy/caddy/replicas.Caddyfile"),
    };
    let upstream = match place {
        Place::Replicas => "10.0.0.1:3000 10.0.0.2:3000",
        Place::Root | Place::BelowAPath => "127.0.0.1:3000",
    };
    let site = format!(
        "https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls DIRECTORY/fullchain.pem DIRECTORY/privkey.pem"
    );
    let file = swapped(file, "hooks.shop.example {", &site);
    let file = swapped(&file, upstream, &services.join(" "));
    format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system DIRECTORY\n}}\n{file}"
    )
}

#[track_caller]
fn swapped(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {text}");
    text.replace(from, to)
}
