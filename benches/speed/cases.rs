//! What is measured, and what is demanded of it.

use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use crate::Outcome;
use crate::contender::Contender::{self, Dockseal, Floor, Script, Shell};
use crate::contender::{self, Work};
use crate::measure::{self, Run};
use crate::report::Report;

const P256: &str = "ecdsa-p256";
/// At a thousand clients, in MiB.
const MOST: f64 = 10.0;
/// Other work on a machine that tests moves ratios by so much.
const STRETCH: f64 = 2.0;

/// Measures everything; whether every demand is met, in the short form but for noise.
pub fn run(is_short: bool) -> Outcome<bool> {
    if let Some(why) = contender::why_no_script() {
        return Err(why.into());
    }
    let place = std::env::var_os("DOCKSEAL_BENCH_FOLDER");
    let place = place.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    std::fs::create_dir_all(&place)?;
    measure::forget(env!("CARGO_BIN_EXE_dockseal"))?;
    let mut bench = Bench {
        is_short,
        scratch: tempfile::tempdir_in(place)?,
        report: Report::new(if is_short { STRETCH } else { 1.0 }),
    };
    bench.again()?;
    bench.first()?;
    bench.shell()?;
    bench.rsa()?;
    if !is_short {
        bench.growth()?;
    }
    Ok(bench.report.finish())
}

struct Bench {
    is_short: bool,
    scratch: TempDir,
    report: Report,
}

impl Bench {
    /// Nothing to do, everything checked.
    fn again(&mut self) -> Outcome<()> {
        let [ours, floor, script] = self.race(Work::Again, 100, P256, 15, [Dockseal, Floor, Script])?;
        self.report.at_least("no-op, 100 clients: faster than script.py", script.wall / ours.wall, 5.0, "x");
        self.report.at_most("no-op, 100 clients: of the floor", ours.wall / floor.wall, 2.0, "x");
        let [ours] = self.race(Work::Again, 1000, P256, 3, [Dockseal])?;
        self.report.at_most("no-op, 1,000 clients: memory", ours.memory, MOST, "MiB");
        Ok(())
    }

    /// P-256, everything made.
    fn first(&mut self) -> Outcome<()> {
        let [ours, floor, script] = self.race(Work::First, 1000, P256, 7, [Dockseal, Floor, Script])?;
        self.report.at_least("first run, 1,000 clients: faster than script.py", script.wall / ours.wall, 1.3, "x");
        self.report.at_most("first run, 1,000 clients: of the floor", ours.wall / floor.wall, 2.0, "x");
        self.report.at_most("first run, 1,000 clients: memory", ours.memory, MOST, "MiB");
        let [ours, floor] = self.race(Work::First, 100, P256, 11, [Dockseal, Floor])?;
        self.report.at_most("first run, 100 clients: of the floor", ours.wall / floor.wall, 2.0, "x");
        Ok(())
    }

    /// Against one openssl command after another, whose time is the same for each client.
    fn shell(&mut self) -> Outcome<()> {
        let [ours, one] = self.race(Work::First, 1, P256, 9, [Dockseal, Shell])?;
        self.report.at_least("first run, 1 client: faster than openssl.sh", one.wall / ours.wall, 15.0, "x");
        let [ours] = self.race(Work::First, 1000, P256, 3, [Dockseal])?;
        let (what, shell) = if self.is_short {
            let [some] = self.race(Work::First, 21, P256, 1, [Shell])?;
            ("first run, 1,000 clients: openssl.sh, scaled from 21", one.wall + (some.wall - one.wall) / 20.0 * 999.0)
        } else {
            let [all] = self.race(Work::First, 1000, P256, 1, [Shell])?;
            ("first run, 1,000 clients: faster than openssl.sh", all.wall)
        };
        self.report.at_least(what, shell / ours.wall, 100.0, "x");
        Ok(())
    }

    /// Making RSA keys is all the work there is, so all cores have to do it. The time for one key varies so much that
    /// few keys say nothing: medians of three rounds are off by a fourth now and then.
    fn rsa(&mut self) -> Outcome<()> {
        if self.is_short {
            // Against the floor, which shares the cores with the same others; two seconds of keys average out.
            let [ours, floor] = self.race(Work::First, 30, "rsa-2048", 3, [Dockseal, Floor])?;
            let idle = (ours.wall / ours.cpu) / (floor.wall / floor.cpu);
            self.report.at_most("first run, 30 clients, RSA-2048: idle cores, of the floor's", idle, 1.15, "x");
            return Ok(());
        }
        let [ours, script] = self.race(Work::First, 20, "rsa-4096", 9, [Dockseal, Script])?;
        let [beside, shell] = self.race(Work::First, 20, "rsa-4096", 3, [Dockseal, Shell])?;
        let cores: f64 = u32::try_from(thread::available_parallelism()?.get())?.into();
        let idle = ours.wall / (ours.cpu / cores);
        self.report.at_least(
            "first run, 20 clients, RSA-4096: faster than script.py",
            script.wall / ours.wall,
            1.3,
            "x",
        );
        self.report.at_least(
            "first run, 20 clients, RSA-4096: faster than openssl.sh",
            shell.wall / beside.wall,
            3.5,
            "x",
        );
        self.report.at_most("first run, 20 clients, RSA-4096: of CPU time / cores", idle, 1.15, "x");
        Ok(())
    }

    /// Twice the clients, twice the time.
    fn growth(&mut self) -> Outcome<()> {
        for (work, name) in [(Work::First, "first run"), (Work::Again, "no-op")] {
            let mut step = |count| self.race(work, count, P256, 3, [Dockseal]).map(|[run]| run);
            let (small, middle, large) = (step(100)?, step(1000)?, step(10_000)?);
            let growth = (large.wall - middle.wall) / (middle.wall - small.wall);
            self.report.at_most(format!("{name}: growth to 10,000 clients by that to 1,000"), growth, 12.0, "x");
            self.report.at_most(format!("{name}, 10,000 clients: memory"), large.memory, 64.0, "MiB");
        }
        Ok(())
    }

    /// Lets contenders take turns, each in a fresh folder where it makes something.
    fn race<const N: usize>(
        &mut self,
        work: Work,
        count: usize,
        key: &str,
        rounds: usize,
        contenders: [Contender; N],
    ) -> Outcome<[Run; N]> {
        let scratch = self.scratch.path();
        let mut runs: [Vec<Run>; N] = std::array::from_fn(|_| Vec::new());
        let mut sealed: Vec<(Contender, PathBuf)> = Vec::new();
        for _ in 0..rounds {
            for (contender, runs) in contenders.iter().zip(&mut runs) {
                let folder = match work {
                    Work::First => fresh(scratch)?,
                    Work::Again => self.sealed(*contender, count, key, &mut sealed)?,
                };
                runs.push(measure::run(&contender.command(work, &folder, count, key, scratch)?)?);
            }
        }
        let medians: [Run; N] = std::array::from_fn(|index| measure::median(&runs[index]));
        let done = match work {
            Work::First => "first run",
            Work::Again => "no-op",
        };
        let named: Vec<(Contender, Run)> = contenders.into_iter().zip(medians).collect();
        Report::race(&format!("{done}, {count} clients, {key}, {rounds} rounds"), &named);
        Ok(medians)
    }

    /// A folder that is sealed already. The floor takes what Dockseal made.
    fn sealed(
        &self,
        contender: Contender,
        count: usize,
        key: &str,
        sealed: &mut Vec<(Contender, PathBuf)>,
    ) -> Outcome<PathBuf> {
        let maker = if contender == Floor { Dockseal } else { contender };
        if let Some((_, folder)) = sealed.iter().find(|(by, _)| *by == maker) {
            return Ok(folder.clone());
        }
        let folder = fresh(self.scratch.path())?;
        measure::run(&maker.command(Work::First, &folder, count, key, self.scratch.path())?)?;
        sealed.push((maker, folder.clone()));
        Ok(folder)
    }
}

fn fresh(scratch: &Path) -> Outcome<PathBuf> {
    Ok(tempfile::Builder::new().prefix("root-").tempdir_in(scratch)?.keep())
}
