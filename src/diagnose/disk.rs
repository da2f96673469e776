//! How much space is left for the embedded database and the spool.

use super::facts::Disk;
use super::{Check, Facts, Status};
use crate::i18n::Text;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// With less than this, the disk is full soon.
const PROBLEM: u64 = 100 * MIB;
/// With less than this, the operator should look.
const WARNING: u64 = GIB;

pub(super) fn check_disk(facts: &Facts) -> Check {
    const NAME: &str = "disk";
    let Some(Disk { free, total }) = facts.disk else {
        return Check::unknown(NAME, Text::new("disk-unknown"));
    };
    let (status, id) = match free {
        0..PROBLEM => (Status::Problem, "disk-full-soon"),
        PROBLEM..WARNING => (Status::Warning, "disk-full-soon"),
        _ => (Status::Ok, "disk-enough"),
    };
    let observed = Text::new(id)
        .with("free", size(free))
        .with("total", size(total));
    Check::new(NAME, status, observed)
}

/// In GiB from 10 GiB on, in MiB below.
fn size(bytes: u64) -> Text {
    if bytes < 10 * GIB {
        Text::new("size-mib").with("count", bytes / MIB)
    } else {
        Text::new("size-gib").with("count", bytes / GIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_reported_before_it_is_full() {
        let status = |free| {
            let disk = Some(Disk {
                free: free * MIB,
                total: 10_000 * MIB,
            });
            check_disk(&Facts {
                disk,
                ..Facts::default()
            })
            .status
        };
        assert_eq!(status(5_000), Status::Ok);
        assert_eq!(status(500), Status::Warning);
        assert_eq!(status(50), Status::Problem);
        assert_eq!(check_disk(&Facts::default()).status, Status::Unknown);
        assert_eq!(
            (size(GIB).to_string(), size(252 * GIB).to_string()),
            ("1024 MiB".into(), "252 GiB".into())
        );
    }
}
