//! A plan → the changed host, or the host as it was.
//!
//! Everything that can fail without touching the host is done first: keys and certificates are made, texts are staged,
//! dockerd validates them. Then all files appear, systemd and dockerd take them in, and the host is observed once more:
//! a plan that is not empty then is a failed proof, and everything is put back.

mod error;
mod issue;
mod passphrase;
mod service;
mod transaction;
mod validate;

use time::OffsetDateTime;

use crate::desired::Desired;
use crate::host::Root;
use crate::observed::{Depth, Observed};
use crate::pki::Authority;
use crate::plan::{After, Plan};

pub use error::{ApplyError, Cause, Ending};
use issue::{Issued, Write};
use service::Service;
use transaction::{NewFile, PUBLIC_MODE, Transaction};

/// What an apply works with.
pub struct Apply<'a> {
    /// The host's files.
    pub root: &'a Root,
    /// What the host shall be.
    pub desired: &'a Desired,
    /// What it was when the plan was made.
    pub observed: &'a Observed,
    /// The difference; without refusals.
    pub plan: &'a Plan,
    /// The clock that everything is measured by.
    pub now: OffsetDateTime,
    /// Told how many keys are made, of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Apply<'_> {
    /// Makes the host match and proves it.
    pub fn run(&self) -> Result<(), ApplyError> {
        let unchanged = |cause| ApplyError::new(cause, Ending::AsItWas);
        let issued = issue::issue(self).map_err(unchanged)?;
        let aside = self.root.aside("first-").map_err(|error| unchanged(error.into()))?;
        let mut files = Transaction::sweeping(self.root);
        let mut service = Service::new(self, &aside);
        let Issued { files: written, authority, ca_pem } = issued;
        let outcome = self.change(written, ca_pem.as_deref(), &mut files, &mut service);
        let outcome = outcome.and_then(|()| self.prove(&service, authority.as_ref()));
        match outcome {
            Ok(()) => {
                let kept = files.keep().map_err(Cause::from).and_then(|()| service.keep());
                kept.map_err(|cause| ApplyError::new(cause, Ending::LeftOver))
            }
            Err(cause) => {
                let back = service.put_back(&files);
                let ending = back.map_or_else(|failure| Ending::Broken(Box::new(failure)), |()| Ending::AsItWas);
                Err(ApplyError::new(cause, ending))
            }
        }
    }

    fn change(
        &self,
        issued: Vec<Write>,
        ca_pem: Option<&str>,
        files: &mut Transaction,
        service: &mut Service,
    ) -> Result<(), Cause> {
        self.stage(&issued, ca_pem, files)?;
        // Ten thousand keys need not be held in memory during the proof.
        drop(issued);
        validate::with_dockerd(self, files)?;
        files.sync()?;
        service.prepare(files)?;
        files.commit()?;
        service.activate()
    }

    fn stage(&self, issued: &[Write], ca_pem: Option<&str>, files: &mut Transaction) -> Result<(), Cause> {
        let mut new: Vec<NewFile<'_>> = issued.iter().map(Write::as_new_file).collect();
        for change in &self.plan.changes {
            let (text, mode) = match &change.after {
                After::Text { after, .. } => (after.as_str(), change.seen.map_or(PUBLIC_MODE, |seen| seen.mode)),
                After::CopyOfCa => (ca_pem.ok_or_else(|| Cause::Gone(change.path.clone()))?, PUBLIC_MODE),
                _ => continue,
            };
            let before = change.seen.map(|seen| seen.stamp);
            new.push(NewFile { path: &change.path, bytes: text.as_bytes(), mode, before });
        }
        files.write_all(&new)?;
        for change in &self.plan.changes {
            files.stage(change)?;
        }
        Ok(())
    }

    /// Observes the host again, by every handshake there is, and compares once more.
    fn prove(&self, service: &Service, authority: Option<&Authority>) -> Result<(), Cause> {
        loop {
            let observed = Observed::read(self.root, self.desired, Depth::Full, authority, self.now)?;
            let rest = Plan::new(self.desired, &observed, self.now);
            if rest.is_empty() {
                return Ok(());
            }
            if !service.may_still_start(&rest) {
                return Err(Cause::NotProven { rest: Box::new(rest), journal: service.journal() });
            }
        }
    }
}
