#![no_main]

use libfuzzer_sys::fuzz_target;

dockseal_fuzz::limit_memory!();
fuzz_target!(|input: &[u8]| dockseal::fuzzing::facts(input));
