//! How much space is left for the embedded database and the spool.

use super::facts::Disk;
use super::{Check, Facts, Status};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// With less than this, the disk is full soon.
const PROBLEM: u64 = 100 * MIB;
/// With less than this, the operator should look.
const WARNING: u64 = GIB;

pub(super) fn check_disk(facts: &Facts) -> Check {
    const NAME: &str = "disk";
    let Some(Disk { free, total }) = facts.disk else {
        return Check::unknown(
            NAME,
            "The free space on the disk of DATA_DIR is unknown.",
            "",
            "",
        );
    };
    let observed = format!(
        "The disk of DATA_DIR has {} of {} left.",
        size(free),
        size(total)
    );
    let status = match free {
        0..PROBLEM => Status::Problem,
        PROBLEM..WARNING => Status::Warning,
        _ => return Check::ok(NAME, observed, "There is enough space for what arrives."),
    };
    Check::new(
        NAME,
        status,
        observed,
        "When the disk is full, nothing can be stored, and senders get 503.",
        "Free some space on the disk of DATA_DIR.",
    )
}

/// In GiB from 10 GiB on, in MiB below.
fn size(bytes: u64) -> String {
    if bytes < 10 * GIB {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{} GiB", bytes / GIB)
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
            (size(GIB), size(252 * GIB)),
            ("1024 MiB".into(), "252 GiB".into())
        );
    }
}
