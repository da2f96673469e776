#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("form").plant(),
    |data: &[u8]| (target("form").run)(data)
);
