//! A change of the host under way, an apply's or a rollback's: staged, journaled, taken in by systemd and dockerd, and then
//! either held or put back.

use super::dockerd::{Dockerd, Done, TakesIn, Touched, read_units};
use super::journal::Journal;
use super::layers::{Layers, Roots};
use super::put_back::put_back;
use super::{ApplyError, Cause, Ending};

/// What it takes to hold a change or to undo it.
pub struct Attempt<'r> {
    pub journal: Journal<'r>,
    pub layers: Layers<'r>,
    /// `None` where no service is touched.
    pub dockerd: Option<Dockerd>,
    done: Done,
    has_begun: bool,
}

impl<'r> Attempt<'r> {
    /// Nothing is done yet.
    pub fn new(journal: Journal<'r>, roots: &'r Roots<'r>, dockerd: Option<Dockerd>) -> Self {
        Self { journal, layers: Layers::new(roots), dockerd, done: Done::default(), has_begun: false }
    }

    /// Does it. Where that fails, everything is put back.
    pub fn run<T>(mut self, work: impl FnOnce(&mut Self) -> Result<T, Cause>) -> Result<T, ApplyError> {
        let done = work(&mut self).and_then(|done| {
            self.journal.prove(&self.layers.places())?;
            Ok(done)
        });
        match done {
            Ok(done) => match self.layers.keep().and_then(|()| self.journal.close()) {
                Ok(()) => Ok(done),
                Err(error) => Err(ApplyError::new(error.into(), Ending::LeftOver)),
            },
            Err(cause) => {
                let daemon_json = &self.journal.heading().daemon_json;
                let back = put_back(&mut self.layers, daemon_json, self.dockerd.as_ref(), self.done);
                let back = back.and_then(|()| Ok(self.journal.abandon()?));
                let unit = self.dockerd.map(|dockerd| dockerd.unit);
                let as_it_was = if self.has_begun { Ending::PutBack } else { Ending::AsItWas };
                let broken = |failure| Ending::Broken { failure: Box::new(failure), unit };
                Err(ApplyError::new(cause, back.map_or_else(broken, |()| as_it_was)))
            }
        }
    }

    /// Everything that is staged appears, and systemd and dockerd take it in: at most one restart.
    pub fn commit(&mut self) -> Result<(), Cause> {
        self.journal.begin(self.layers.taken(), self.dockerd.clone(), |folder| self.layers.sync(folder))?;
        self.has_begun = true;
        if let (Some(dockerd), true) = (&self.dockerd, self.layers.first.is_some()) {
            self.done.daemon = Touched::Reloaded;
            self.layers.commit_first(&self.journal.heading().daemon_json)?;
            dockerd.reload()?;
            dockerd.await_live_restore(true)?;
        }
        self.layers.main.commit()?;
        let Some(dockerd) = &self.dockerd else { return Ok(()) };
        if dockerd.reads_units {
            self.done.read_units = true;
            read_units()?;
        }
        match dockerd.takes_in {
            TakesIn::Later => Ok(()),
            TakesIn::Reload => {
                self.done.daemon = Touched::Reloaded;
                dockerd.reload()
            }
            TakesIn::Restart { with_socket } => {
                self.done.daemon = Touched::Restarted;
                dockerd.restart(with_socket)
            }
        }
    }
}
