//! How much room is left where the embedded database and the spool are.

use super::facts::Disk;
use super::{Check, Facts, Status};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// Less than this, and nothing can be kept soon.
const PROBLEM: u64 = 100 * MIB;
/// Less than this, and somebody should look.
const WARNING: u64 = GIB;

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "disk";
    let Some(Disk { free, total }) = facts.disk else {
        return Check::new(
            NAME,
            Status::Unknown,
            "The disk of DATA_DIR cannot be asked how much room it has.",
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
        _ => return Check::ok(NAME, observed, "There is room for what arrives."),
    };
    Check::new(
        NAME,
        status,
        observed,
        "On a full disk nothing can be kept, and senders are answered 503.",
        "Make room on the disk of DATA_DIR.",
    )
}

/// Gigabytes where they are some, else megabytes.
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
    fn a_disk_is_told_to_be_full_before_it_is() {
        let status = |free| {
            let disk = Some(Disk {
                free: free * MIB,
                total: 10_000 * MIB,
            });
            check(&Facts {
                disk,
                ..Facts::default()
            })
            .status
        };
        assert_eq!(status(5_000), Status::Ok);
        assert_eq!(status(500), Status::Warning);
        assert_eq!(status(50), Status::Problem);
        assert_eq!(check(&Facts::default()).status, Status::Unknown);
        assert_eq!(
            (size(GIB), size(252 * GIB)),
            ("1024 MiB".into(), "252 GiB".into())
        );
    }
}
