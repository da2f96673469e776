#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("signature").plant(),
    |data: &[u8]| (target("signature").run)(data)
);
