#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("cursor").plant(),
    |data: &[u8]| (target("cursor").run)(data)
);
