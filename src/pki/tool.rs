//! Other people's programs, for tests: what they write must be read, what is written must please them.
//! A missing program fails the test; a test that skips proves nothing.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

/// Runs a program with `input`; gives its output where it succeeds, what it says where not.
pub(super) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let missing = |error| format!("{program}: {error} (this test needs it)");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(missing)?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // Programs that need no input close it early.
        scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output().map_err(missing)
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&said)))
}

/// Runs openssl without input.
pub(super) fn openssl(arguments: &str) -> Result<Vec<u8>, String> {
    run("openssl", &arguments.split_whitespace().collect::<Vec<_>>(), b"")
}

/// Runs openssl with input.
pub(super) fn openssl_with(arguments: &str, input: &[u8]) -> Result<Vec<u8>, String> {
    run("openssl", &arguments.split_whitespace().collect::<Vec<_>>(), input)
}
