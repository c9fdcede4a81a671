//! A status for Prometheus, by the textfile collector of `node_exporter`: the text format 0.0.4 of its documentation
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Times are Unix times in seconds, so that an alert computes what is left itself and holds although no new file comes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{CertificateFacts, CertificateStatus, Standing, Status};
use crate::visible::one_line;

/// A time series: its labels and its value.
type Row<'a> = (Vec<(&'static str, &'a str)>, i64);

/// A page of the text format.
pub fn prometheus(status: &Status) -> String {
    let mut page = String::new();
    add_certificates(&mut page, status);
    add_rotation(&mut page, status);
    add_endpoints(&mut page, status);
    let next = &status.next_run;
    let single = |value: usize| vec![(Vec::new(), i64::try_from(value).unwrap_or(i64::MAX))];
    add(&mut page, "pending_changes", "Changes that the next apply would make.", single(next.changes.len()));
    let waiting = "Certificates that are signed elsewhere and have not come yet.";
    add(&mut page, "waiting_for_signature", waiting, single(status.waiting.len()));
    let errors = "What stands in the way of the next apply, which changes nothing while there is any.";
    add(&mut page, "errors", errors, single(next.errors.len()));
    let interrupted = "Whether a run was cut short and its change waits to be undone or finished.";
    add(&mut page, "interrupted", interrupted, single(status.interrupted.into()));
    let info = vec![(vec![("host", status.host.as_str()), ("version", env!("CARGO_PKG_VERSION"))], 1)];
    add(&mut page, "info", "The manifest's host and the version of dockseal.", info);
    page
}

/// Each certificate with its role; an orphan is no client, lest an alert calls for the renewal of one that is to go.
fn certificates<'a>(status: &'a Status) -> impl Iterator<Item = (&'static str, &'a CertificateStatus)> {
    let roles = [("client", &status.clients), ("orphan", &status.orphans)];
    let clients = roles.into_iter().flat_map(|(role, list)| list.iter().map(move |one| (role, one)));
    [("ca", &status.ca), ("server", &status.server)].into_iter().chain(clients)
}

fn labels<'a>(role: &'static str, certificate: &'a CertificateStatus) -> Vec<(&'static str, &'a str)> {
    std::iter::once(("role", role)).chain(certificate.name.as_deref().map(|name| ("name", name))).collect()
}

fn add_certificates(page: &mut String, status: &Status) {
    let present = certificates(status).map(|(role, one)| {
        let is_present = one.standing == Standing::Present;
        (labels(role, one), is_present.into())
    });
    add(page, "certificate_present", "Whether the certificate's file is there and can be read.", present);
    let mut add_fact = |name, help, value: fn(&CertificateFacts) -> i64| {
        let rows =
            certificates(status).filter_map(|(role, one)| Some((labels(role, one), value(one.certificate.as_ref()?))));
        add(page, name, help, rows);
    };
    add_fact("certificate_not_before_timestamp_seconds", "First second of validity, Unix time.", |facts| {
        facts.not_before.0.unix_timestamp()
    });
    add_fact("certificate_not_after_timestamp_seconds", "Last second of validity, Unix time.", |facts| {
        facts.not_after.0.unix_timestamp()
    });
    let renewals =
        certificates(status).filter_map(|(role, one)| Some((labels(role, one), one.renews_at?.0.unix_timestamp())));
    add(page, "certificate_renews_at_timestamp_seconds", "From then on the next run renews it, Unix time.", renewals);
    let info = certificates(status).filter_map(|(role, one)| {
        let facts = one.certificate.as_ref()?;
        let mut labels = labels(role, one);
        labels.extend([("subject", facts.subject.as_str()), ("serial", &facts.serial), ("sha256", &facts.sha256)]);
        labels.push(("path", &one.path));
        Some((labels, 1))
    });
    add(page, "certificate_info", "Subject, serial number and SHA-256 fingerprint of the certificate.", info);
}

fn add_rotation(page: &mut String, status: &Status) {
    let rotation = || status.rotation.iter();
    let generation = rotation().map(|one| (Vec::new(), one.generation.into()));
    add(page, "ca_generation", "Of the CA that signs; the first is 1.", generation);
    let phase = rotation().map(|one| (vec![("phase", one.phase)], 1));
    add(page, "ca_phase_info", "Whether the CA is steady, or the next one is introduced, or has switched.", phase);
    let holders = rotation().map(|one| (Vec::new(), i64::try_from(one.holders.len()).unwrap_or(i64::MAX)));
    add(page, "ca_old_holders", "Clients that may hold a certificate of a CA that will be trusted no more.", holders);
    let old = status
        .clients
        .iter()
        .filter_map(|one| Some((labels("client", one), one.old_accepted_until?.0.unix_timestamp())));
    let help =
        "Until then the certificate that was replaced is accepted: this client's files have to be handed out again.";
    add(page, "certificate_old_accepted_until_timestamp_seconds", help, old);
}

fn add_endpoints(page: &mut String, status: &Status) {
    let service = status.service.iter().map(|one| (vec![("unit", one.unit.as_str())], one.is_running.into()));
    add(page, "service_active", "Whether dockerd runs.", service);
    let endpoints = &status.endpoints;
    let mut add_answer = |name, help, value: fn(&super::EndpointStatus) -> Option<bool>| {
        let rows = endpoints.iter().filter_map(|one| Some((vec![("endpoint", &*one.endpoint)], value(one)?.into())));
        add(page, name, help, rows);
    };
    add_answer("endpoint_up", "Whether anybody answers there.", |one| one.answers);
    let serves = "Whether the certificate that is served is the one on the disk.";
    add_answer("endpoint_serves_disk", serves, |one| one.serves_disk);
    let strangers = "Whether a caller is let in that must be refused.";
    add_answer("endpoint_admits_strangers", strangers, |one| one.admits_strangers);
}

/// Appends a family; one without rows is left out. Two names that look alike once they are escaped are one series: with the
/// same series twice, Prometheus would read nothing of the page.
fn add<'a>(page: &mut String, name: &str, help: &str, rows: impl IntoIterator<Item = Row<'a>>) {
    let mut told = BTreeSet::new();
    for (labels, value) in rows {
        if told.is_empty() {
            // Writing to a String can't fail, here and below.
            let _ = write!(page, "# HELP dockseal_{name} {help}\n# TYPE dockseal_{name} gauge\n");
        }
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = labels.join(",");
        let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
        if !told.contains(&labels) {
            let _ = writeln!(page, "dockseal_{name}{open}{labels}{close} {value}");
            told.insert(labels);
        }
    }
}

/// As a label's value: the format asks for escaped backslashes, quotes and line feeds. What else steers a terminal or turns
/// a line is made visible first, and with it every line feed.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', r"\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_breaks_its_line() {
        assert_eq!(escaped("ci"), "ci");
        assert_eq!(escaped("a\"} 1\nb{c=\"\\"), r#"a\"} 1\\nb{c=\"\\"#);
        assert_eq!(escaped("\u{1b}[2J\r\u{2028}\u{202e}é"), r"\\u{1b}[2J\\r\\u{2028}\\u{202e}é");
    }

    #[test]
    fn a_family_without_rows_is_left_out() {
        let mut page = String::new();
        add(&mut page, "x", "X.", Vec::new());
        assert_eq!(page, "");
        add(&mut page, "x", "X.", vec![(vec![("a", "1"), ("b", "2")], 3), (Vec::new(), -4)]);
        assert_eq!(
            page,
            "# HELP dockseal_x X.\n# TYPE dockseal_x gauge\ndockseal_x{a=\"1\",b=\"2\"} 3\ndockseal_x -4\n"
        );
    }
}
