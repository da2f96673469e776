#![no_main]

use chatrace_webhook::fuzzing::target;

libfuzzer_sys::fuzz_target!(
    init: target("query").plant(),
    |data: &[u8]| (target("query").run)(data)
);
