#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("multipart").plant(),
    |data: &[u8]| (target("multipart").run)(data)
);
