#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("body").plant(),
    |data: &[u8]| (target("body").run)(data)
);
