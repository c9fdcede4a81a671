//! What stands under `requests/`: keys that wait for a certificate, the requests made with them, and what came back signed.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::certificate::{KeyFacts, see_key, unfit};
use super::place::{Place, Places, see};
use super::{ObserveError, Seen};
use crate::desired::{Desired, KeySource, Layout, Waiting};
use crate::host::FileKind;
use crate::manifest::Issuer;
use crate::pki::{Certificate, Request};

/// The folder of what waits for a signature elsewhere.
#[derive(Debug)]
pub struct ObservedRequests {
    /// `ca.pem` as it came with a certificate.
    pub ca: Seen<Vec<Certificate>>,
    /// The server's.
    pub server: Pending,
    /// The clients', in the order of the manifest.
    pub clients: Vec<Pending>,
    /// Files of clients that the manifest does not name, each with its client.
    pub leftovers: Vec<(String, Seen<()>)>,
}

/// What waits for one certificate.
#[derive(Debug)]
pub struct Pending {
    /// The key that waits.
    pub key: Seen<KeyFacts>,
    /// The request made with it.
    pub request: Seen<Request>,
    /// What came back.
    pub certificate: Seen<HandedIn>,
}

/// A certificate that came back, and who signed it.
#[derive(Debug)]
pub struct HandedIn {
    /// The leaf: the first one of the file.
    pub certificate: Certificate,
    /// Whether the signing CA of `ca.pem` did.
    pub is_signed_by_ca: bool,
    /// Whether the first CA of `requests/ca.pem` did.
    pub is_signed_by_new_ca: bool,
}

/// Reads them; `None` where nothing is signed elsewhere.
pub fn read(
    desired: &Desired,
    ca: &Seen<Vec<Certificate>>,
    places: &mut Places,
) -> Result<Option<Box<ObservedRequests>>, ObserveError> {
    if desired.ca.issuer != Issuer::External {
        return Ok(None);
    }
    let layout = &desired.layout;
    let place = places.enter(&layout.requests())?;
    let new = see(&place, layout.handed_in_ca(), |pem| {
        Certificate::parse_all(pem).map_err(|error| unfit(&error, error.hint()))
    })?;
    let reader = Reader { place: &place, layout, ca: first(ca), new: first(&new) };
    let server = reader.pending(None)?;
    let names = desired.clients.iter().map(|client| client.name.as_str());
    let clients = names.map(|name| reader.pending(Some(name))).collect::<Result<_, _>>()?;
    let leftovers = leftovers(&place, desired)?;
    Ok(Some(Box::new(ObservedRequests { server, clients, leftovers, ca: new })))
}

fn first(bundle: &Seen<Vec<Certificate>>) -> Option<&Certificate> {
    bundle.present()?.first()
}

struct Reader<'a> {
    place: &'a Place<'a>,
    layout: &'a Layout,
    ca: Option<&'a Certificate>,
    new: Option<&'a Certificate>,
}

impl Reader<'_> {
    fn pending(&self, client: Option<&str>) -> Result<Pending, ObserveError> {
        let path = |what| self.layout.waiting(client, what);
        Ok(Pending {
            key: see_key(self.place, path(Waiting::Key))?,
            request: see(self.place, path(Waiting::Request), |pem| {
                Request::parse(pem).map_err(|error| unfit(&error, error.hint()))
            })?,
            certificate: see(self.place, path(Waiting::Certificate), |pem| {
                Certificate::parse(pem).map_err(|error| unfit(&error, error.hint()))
            })?
            .map(|certificate| {
                let is_signed_by = |ca: Option<&Certificate>| ca.is_some_and(|ca| certificate.is_signed_by(ca));
                let (is_signed_by_ca, is_signed_by_new_ca) = (is_signed_by(self.ca), is_signed_by(self.new));
                HandedIn { certificate, is_signed_by_ca, is_signed_by_new_ca }
            }),
        })
    }
}

/// Files that this program makes or takes in, of clients that have gone. What else stands there is none of our business,
/// nor is a request that the manifest itself names.
fn leftovers(place: &Place, desired: &Desired) -> Result<Vec<(String, Seen<()>)>, ObserveError> {
    let mut leftovers = Vec::new();
    // A reviewer may not be let in: what they may not see is told of the files that are looked for.
    for listed in place.list()?.unwrap_or_default() {
        let Some(client) = client_of(&listed.name).filter(|_| listed.kind == FileKind::File) else { continue };
        let path: PathBuf = desired.layout.requests().join(&listed.name);
        let is_named = desired.clients.iter().any(|wanted| {
            wanted.name == client || matches!(&wanted.key, KeySource::Request(request) if *request == path)
        });
        if !is_named {
            leftovers.push((client.to_owned(), see(place, path, |_| Ok(()))?));
        }
    }
    Ok(leftovers)
}

pub fn client_of(name: &OsStr) -> Option<&str> {
    let (client, ending) = name.to_str()?.strip_prefix("client.")?.rsplit_once('.')?;
    Waiting::ALL.iter().any(|what| what.ending() == ending).then_some(client)
}
