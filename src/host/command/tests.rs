//! Programs that fail, hang, say too much or leave others behind.

use super::*;

type Checked = Result<(), Box<dyn std::error::Error>>;

fn shell(script: &str, timeout: Duration) -> Result<Vec<u8>, CommandError> {
    run("sh", &["-c", script], timeout)
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn output_comes_back_and_the_environment_is_bare() -> Checked {
    let output = shell("echo out; echo err >&2; env | sed 's/=.*//' | sort; read x || echo no input", LONG)?;
    let stdout = String::from_utf8(output)?;
    assert!(stdout.starts_with("out\nLC_ALL\n") && stdout.ends_with("no input\n"), "{stdout}");
    assert!(!stdout.contains("HOME"), "{stdout}");
    Ok(())
}

#[test]
fn a_failure_says_the_command_the_status_and_the_end_of_stderr() -> Checked {
    let error = shell("printf 'a\\033[31mb' >&2; exit 7", LONG).err().ok_or("ran")?;
    let expected = "`sh -c 'printf '\\''a\\033[31mb'\\'' >&2; exit 7'` failed with exit status: 7: a\\u{1b}[31mb";
    assert_eq!(error.to_string(), expected);
    let error = shell("seq 1 100000 >&2; kill -9 $$", LONG).err().ok_or("ran")?.to_string();
    assert!(error.len() < 5000 && error.ends_with("\n99999\n100000"), "{}", error.len());
    assert!(error.contains("signal: 9"));
    Ok(())
}

#[test]
fn much_output_is_cut_at_its_start() -> Checked {
    let output = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo end", LONG)?;
    assert_eq!(output.len(), KEPT);
    assert!(output.ends_with(b"xend\n"));
    Ok(())
}

#[test]
fn a_missing_program_is_named() -> Checked {
    let error = run("dockseal-no-such-program", &["--x=a b"], LONG).err().ok_or("ran")?;
    assert_eq!(error.to_string(), "`dockseal-no-such-program '--x=a b'`: the program is not installed");
    assert_eq!(error.hint().as_deref(), Some("install the package that holds `dockseal-no-such-program`"));
    Ok(())
}

#[test]
fn the_time_limit_stops_grandchildren_too() -> Checked {
    let start = Instant::now();
    let script = "echo $$ >&2; sh -c 'echo $$ >&2; sleep 61; :' & wait";
    let error = shell(script, Duration::from_millis(400)).err().ok_or("ran")?;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let CommandError::TimedOut { stderr, .. } = &error else { return Err(error.into()) };
    let pids: Vec<_> = stderr.lines().collect();
    assert_eq!(pids.len(), 2, "{stderr}");
    for pid in pids {
        // Killed, but perhaps not yet reaped by whoever inherited it.
        let gone = (0..100).any(|_| {
            let found = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            std::thread::sleep(Duration::from_millis(if found.is_empty() { 0 } else { 10 }));
            found.is_empty() || found.contains(") Z ")
        });
        assert!(gone, "{pid} still runs");
    }
    Ok(())
}

#[test]
fn a_daemon_left_behind_is_not_waited_for() -> Checked {
    let start = Instant::now();
    let output = shell("echo begun; sleep 30 & exit 0", LONG)?;
    assert_eq!(output, b"begun\n");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    Ok(())
}
