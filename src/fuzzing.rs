//! What fuzzers feed: every parser of foreign bytes, with what must hold whatever they are. `fuzz/` has a target for
//! each. The test below feeds the same seeds and some mutations of them, so that a stable compiler finds most of it.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::config::Config;
use crate::crypto::meta_signature;
use crate::delivery::{Delivery, Item};
use crate::http::fuzzing as requests;
use crate::normalize::{Normalizer, readable_text};
use crate::redact::Redactor;
use crate::text::one_line;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]));

/// A parser, the bytes to begin with, and what to call it with.
#[derive(Debug, Clone, Copy)]
pub struct FuzzTarget {
    /// The name of the target in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Parses, and panics if something does not hold.
    pub run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

/// Every one.
pub const TARGETS: [FuzzTarget; 7] = [
    FuzzTarget {
        name: "body",
        run: body,
        seeds: payloads,
    },
    FuzzTarget {
        name: "form",
        run: form,
        seeds: forms,
    },
    FuzzTarget {
        name: "multipart",
        run: multipart,
        seeds: parts,
    },
    FuzzTarget {
        name: "query",
        run: query,
        seeds: queries,
    },
    FuzzTarget {
        name: "signature",
        run: requests::signature,
        seeds: signatures,
    },
    FuzzTarget {
        name: "cursor",
        run: requests::cursor,
        seeds: cursors,
    },
    FuzzTarget {
        name: "configuration",
        run: configuration,
        seeds: configurations,
    },
];

/// The target with this name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> FuzzTarget {
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no target {name}"))
}

impl FuzzTarget {
    /// Writes its seeds into the directory in which the fuzzer looks for bytes to begin with.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn plant(self) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(self.name);
        let planted = fs::create_dir_all(&corpus).and_then(|()| {
            let seeds = (self.seeds)().into_iter().enumerate();
            seeds.into_iter().try_for_each(|(number, seed)| {
                fs::write(corpus.join(format!("seed-{number}")), seed)
            })
        });
        planted.unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    }
}

fn body(data: &[u8]) {
    for content_type in [Some("application/json"), None] {
        read(data, content_type, false);
    }
}

fn form(data: &[u8]) {
    read(data, Some("application/x-www-form-urlencoded"), false);
}

fn multipart(data: &[u8]) {
    read(data, Some("multipart/form-data; boundary=x"), false);
}

fn query(data: &[u8]) {
    requests::query(data);
    read(data, None, true);
}

/// Reads a delivery, and shows it.
fn read(data: &[u8], content_type: Option<&str>, is_query: bool) {
    let is_gzip = data.starts_with(&[0x1f, 0x8b]);
    let encoding = ("content-encoding".to_owned(), "gzip".to_owned());
    let delivery = Delivery {
        id: Uuid::nil(),
        received_at: Timestamp::UNIX_EPOCH,
        method: if is_query { "GET" } else { "POST" }.to_owned(),
        content_type: content_type.map(str::to_owned),
        headers: Vec::from_iter(is_gzip.then_some(encoding)),
        body: Bytes::copy_from_slice(data),
        is_query,
    };
    let reading = Normalizer::default().normalize(&delivery);
    assert!(!reading.items.is_empty());
    for item in &reading.items {
        if let Item::Message(draft) = item {
            let ids = [Some(&draft.contact_id), draft.external_id.as_ref()];
            for id in ids.into_iter().flatten() {
                let is_sound =
                    !id.trim().is_empty() && !id.contains('\0') && id.chars().count() <= 512;
                assert!(is_sound, "{id:?}");
            }
        }
    }
    let shown = REDACTOR.redact(&readable_text(&delivery));
    assert!(!one_line(&shown).contains(char::is_control));
}

/// Lines of `NAME=value`.
fn configuration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    match Config::read(&pairs.collect()) {
        Ok(config) => assert!(config.auth_configured() || config.auth.webhook_secrets.is_empty()),
        Err(errors) => assert!(!errors.0.is_empty()),
    }
}

/// The bodies that really arrived.
fn payloads() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads");
    let files = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

/// The names and values of flat bodies.
fn pairs() -> Vec<Vec<(String, String)>> {
    let read = |body: Vec<u8>| {
        let Ok(Value::Object(object)) = serde_json::from_slice(&body) else {
            return None;
        };
        let text = |value: Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        Some(
            object
                .into_iter()
                .map(|(name, value)| (name, text(value)))
                .collect(),
        )
    };
    payloads().into_iter().filter_map(read).collect()
}

fn forms() -> Vec<Vec<u8>> {
    let encode = |pairs: Vec<(String, String)>| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
            .into_bytes()
    };
    pairs().into_iter().map(encode).collect()
}

fn parts() -> Vec<Vec<u8>> {
    let encode = |pairs: Vec<(String, String)>| {
        let parts = pairs.into_iter().map(|(name, value)| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        });
        format!("{}--x--\r\n", parts.collect::<String>()).into_bytes()
    };
    pairs().into_iter().map(encode).collect()
}

fn queries() -> Vec<Vec<u8>> {
    let handshake = b"hub.mode=subscribe&hub.verify_token=v&hub.challenge=7&token=s%20";
    let mut queries = forms();
    queries.push(handshake.to_vec());
    queries
}

fn signatures() -> Vec<Vec<u8>> {
    let right = meta_signature(&"app-secret".into(), b"{}");
    let seeds = [right.as_str(), "sha256=00", "sha1=00", ""];
    seeds.map(|seed| seed.as_bytes().to_vec()).to_vec()
}

fn cursors() -> Vec<Vec<u8>> {
    let seeds = [
        "m0",
        "d42",
        "c9223372036854775807",
        "latest",
        "7d",
        "2026-07-09T00:00:00Z",
        "2026-07-09",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).to_vec()
}

fn configurations() -> Vec<Vec<u8>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let example = fs::read_to_string(example).unwrap_or_default();
    let set = example.replace("# ", "");
    let some = "DATABASE_URL=postgres://u:p@h:5432/d\nAPI_TOKEN=a,b\nWEBHOOK_SECRET=s\nMETA_APP_SECRET=x,y\n\
        PUBLIC_URL=https://h.example\nMAX_BODY_BYTES=2MiB\nTRUSTED_PROXIES=10.0.0.0/8\nDEDUPE_WINDOW=1m\n\
        RETENTION_DAYS=30\nSPOOL=off\nSILENCE_AFTER=auto\nALERT_URL=https://a.example\nALERT_SECRET=whsec_AAAA\n";
    vec![set.into_bytes(), some.as_bytes().to_vec()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random and are the same in every run: xorshift.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
        }

        /// Changes some bytes, or takes a piece of another seed.
        fn mutated(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
            let mut data = seed.to_vec();
            for _ in 0..=self.below(4) {
                let (begin, end) = (self.below(data.len()), self.below(data.len()));
                let range = begin.min(end)..begin.max(end);
                match self.below(5) {
                    0 if !data.is_empty() => data[begin] ^= 1 << self.below(8),
                    1 => drop(data.drain(range)),
                    2 => data.truncate(begin),
                    3 => {
                        let piece =
                            &other[other.len().min(range.start)..other.len().min(range.end)];
                        drop(data.splice(range, piece.iter().copied()));
                    }
                    _ => {
                        let signs: [&[u8]; 8] =
                            [b"\"", b"{{", b"\\", b"\n", b"\0", b"\xff", b"%", b"]}"];
                        let sign = signs[self.below(signs.len())];
                        drop(data.splice(begin..begin, sign.iter().copied()));
                    }
                }
            }
            data
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic() {
        const MUTATIONS: usize = 600;
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(seeds.len() > 1, "{}", target.name);
            for seed in &seeds {
                (target.run)(seed);
            }
            let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
            for _ in 0..MUTATIONS {
                let seed = &seeds[numbers.below(seeds.len())];
                let other = &seeds[numbers.below(seeds.len())];
                (target.run)(&numbers.mutated(seed, other));
            }
        }
    }

    #[test]
    fn each_target_has_its_program() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
        let files = fs::read_dir(directory).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut names = TARGETS.map(|target| target.name);
        names.sort_unstable();
        let stems: Vec<_> = files
            .iter()
            .map(|path| path.file_stem().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(stems, names);
    }
}
