//! What stands between the world and the service: a proxy with a certificate, or one that spoils something.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A server on a port of its own. Ends when dropped.
pub(crate) struct Front {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Front {
    /// Answers everything itself.
    pub(crate) async fn answering(
        answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::serving(Router::new().fallback(move || std::future::ready(answer()))).await
    }

    /// Passes everything on but one header.
    pub(crate) async fn dropping(header: &'static str, base: &str) -> Self {
        let base = base.to_owned();
        let pass = move |request: Request| {
            let base = base.clone();
            async move { passed_on(request, header, &base).await }
        };
        Self::serving(Router::new().fallback(pass)).await
    }

    /// A server of these routes.
    pub(crate) async fn serving(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, task }
    }

    /// Speaks TLS before a service at `base`, which it passes octets on to.
    pub(crate) async fn tls(config: ServerConfig, base: &str) -> Self {
        let to = base.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, to) = (acceptor.clone(), to.clone());
                tokio::spawn(async move {
                    // A client that does not like the certificate goes away.
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut service = TcpStream::connect(to).await.unwrap();
                    copy_bidirectional(&mut stream, &mut service).await.ok();
                });
            }
        });
        Self { port, task }
    }
}

async fn passed_on(request: Request, dropped: &'static str, base: &str) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(HeaderName::from_static(dropped));
    parts.headers.remove("content-length");
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let sent = client
        .request(parts.method, format!("{base}{}", parts.uri.path()))
        .headers(parts.headers)
        .body(body)
        .send();
    let Ok(answer) = sent.await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    (answer.status(), Body::from(answer.bytes().await.unwrap())).into_response()
}

/// An authority that tests make, and its certificate for `SSL_CERT_FILE`.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        let name = format!("Authority {}", uuid::Uuid::now_v7());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a name, and its key.
    pub(crate) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A server's side with a certificate for a name, valid from and to so many days from now.
    pub(crate) fn server(&self, name: &str, from: i64, to: i64) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = days_from_now(from);
        params.not_after = days_from_now(to);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        config(certificate.der().clone(), &key)
    }
}

/// A server's side with a certificate that signs itself, as `openssl req -x509` makes it.
pub(crate) fn self_signed(name: &str) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    config(certificate.der().clone(), &key)
}

fn config(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

fn days_from_now(days: i64) -> time::OffsetDateTime {
    // An hour more, so that the day does not end while the test runs.
    time::OffsetDateTime::now_utc() + time::Duration::days(days) + time::Duration::hours(1)
}

/// A port at which nothing listens.
pub(crate) async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
