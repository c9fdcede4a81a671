//! Figures against their limits, as a table.

use crate::contender::Contender;
use crate::measure::Run;

/// All that was measured.
pub struct Report {
    /// By how much a limit may be missed.
    stretch: f64,
    demands: Vec<Demand>,
}

struct Demand {
    what: String,
    measured: f64,
    limit: f64,
    is_met: bool,
    is_borne: bool,
    at_most: bool,
    unit: &'static str,
}

impl Report {
    /// Nothing yet.
    pub fn new(stretch: f64) -> Self {
        Self { stretch, demands: Vec::new() }
    }

    /// Prints who took how long.
    pub fn race(title: &str, runs: &[(Contender, Run)]) {
        println!("\n{title}");
        println!("  {:<12} {:>11} {:>11} {:>9}", "median", "wall ms", "CPU ms", "MiB");
        for (contender, run) in runs {
            println!("  {:<12} {:>11.1} {:>11.1} {:>9.1}", contender.name(), run.wall, run.cpu, run.memory);
        }
    }

    /// Demands that a figure is no higher.
    pub fn at_most(&mut self, what: impl Into<String>, measured: f64, limit: f64, unit: &'static str) {
        let (is_met, is_borne) = (measured <= limit, measured <= limit * self.stretch);
        self.demands.push(Demand { what: what.into(), measured, limit, is_met, is_borne, at_most: true, unit });
    }

    /// Demands that a figure is no lower.
    pub fn at_least(&mut self, what: impl Into<String>, measured: f64, limit: f64, unit: &'static str) {
        let (is_met, is_borne) = (measured >= limit, measured >= limit / self.stretch);
        self.demands.push(Demand { what: what.into(), measured, limit, is_met, is_borne, at_most: false, unit });
    }

    /// Prints the demands; whether each is met or within the slack.
    pub fn finish(&self) -> bool {
        println!("\ndemands");
        for demand in &self.demands {
            let Demand { what, measured, limit, unit, .. } = demand;
            let bound = if demand.at_most { "at most" } else { "at least" };
            let verdict = match (demand.is_met, demand.is_borne) {
                (true, _) => "met",
                (false, true) => "missed, within the slack",
                (false, false) => "MISSED",
            };
            println!("  {what:<58} {measured:>7.2} {unit:<3} {bound:<8} {limit:>6.2}  {verdict}");
        }
        self.demands.iter().all(|demand| demand.is_borne)
    }
}
