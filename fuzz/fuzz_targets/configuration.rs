#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("configuration").plant(),
    |data: &[u8]| (target("configuration").run)(data)
);
