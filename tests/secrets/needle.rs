//! What must not be found anywhere: keys and passphrases in every form in which they could leak.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// One secret.
pub struct Secret {
    /// For messages, which never show the secret itself.
    pub name: String,
    /// Its forms.
    pub needles: Vec<Needle>,
}

/// Bytes that only the secret's holder can know.
pub struct Needle {
    /// `hex`, `base64` …
    pub form: &'static str,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
}

/// Bytes of a number that are enough to tell it from chance, and less than what a line break of PEM cuts.
const ENOUGH: usize = 15;

impl Secret {
    /// A passphrase.
    pub fn passphrase(text: &str) -> Self {
        let needles = vec![
            Needle { form: "text", bytes: text.into() },
            Needle { form: "hex", bytes: hex(text.as_bytes()).into() },
            Needle { form: "base64", bytes: base64(text.as_bytes(), 0).into() },
        ];
        Self { name: "the passphrase".to_owned(), needles }
    }

    /// The private numbers of a key's file: the scalar, the seed, or RSA's exponent and primes.
    pub fn key(path: &Path, passphrase: &str) -> Self {
        let mut secret = Self { name: path.file_name().unwrap().to_string_lossy().into_owned(), needles: Vec::new() };
        for number in private_numbers(path, passphrase) {
            secret.add(&number);
        }
        assert!(!secret.needles.is_empty(), "{} has no private numbers", path.display());
        secret
    }

    fn add(&mut self, number: &[u8]) {
        let mut add = |form, bytes: &[u8]| self.needles.push(Needle { form, bytes: bytes.to_vec() });
        let mut reversed = number.to_vec();
        reversed.reverse();
        let (start, end) = (&number[..ENOUGH], &number[number.len() - ENOUGH..]);
        add("DER", start);
        add("DER", end);
        // As the library computes with it.
        add("number in memory", &reversed[..ENOUGH]);
        add("number in memory", &reversed[number.len() - ENOUGH..]);
        for part in [start, end] {
            add("hex", hex(part).as_bytes());
            add("hex in capitals", hex(part).to_uppercase().as_bytes());
            // Where it begins within a group of three bytes is not known.
            for shift in 0..3 {
                add("base64", base64(part, shift).as_bytes());
            }
        }
    }

    /// The forms of this secret that stand in `place`.
    pub fn forms_in(&self, place: &[u8]) -> Vec<&'static str> {
        Needles::of(std::slice::from_ref(self)).found_in(place).into_iter().map(|(_, form)| form).collect()
    }
}

/// Many needles, looked for in one pass: memory is large.
pub struct Needles<'a> {
    /// By their first two bytes.
    by_start: HashMap<[u8; 2], Vec<(&'a Secret, &'a Needle)>>,
    is_start: Vec<bool>,
}

impl<'a> Needles<'a> {
    /// Of these secrets.
    pub fn of(secrets: &'a [Secret]) -> Self {
        let mut needles = Self { by_start: HashMap::new(), is_start: vec![false; 1 << 16] };
        for (secret, needle) in secrets.iter().flat_map(|secret| secret.needles.iter().map(move |one| (secret, one))) {
            let start = [needle.bytes[0], needle.bytes[1]];
            needles.by_start.entry(start).or_default().push((secret, needle));
            needles.is_start[usize::from(u16::from_be_bytes(start))] = true;
        }
        needles
    }

    /// Each secret and form that stands in `place`, as often as it does.
    pub fn found_in(&self, place: &[u8]) -> Vec<(&'a str, &'static str)> {
        let mut found = Vec::new();
        for (at, pair) in place.windows(2).enumerate() {
            let start = [pair[0], pair[1]];
            if self.is_start[usize::from(u16::from_be_bytes(start))] {
                let here = self.by_start[&start].iter().filter(|(_, needle)| place[at..].starts_with(&needle.bytes));
                found.extend(here.map(|(secret, needle)| (secret.name.as_str(), needle.form)));
            }
        }
        found
    }
}

/// Where `needle` first stands.
pub fn find(place: &[u8], needle: &[u8]) -> Option<usize> {
    place.windows(needle.len()).position(|window| window == needle)
}

/// As openssl reads them, which has no part in the program.
fn private_numbers(path: &Path, passphrase: &str) -> Vec<Vec<u8>> {
    let mut command = Command::new("openssl");
    command.args(["pkey", "-noout", "-text", "-passin", &format!("pass:{passphrase}"), "-in"]).arg(path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers: Vec<Vec<u8>> = Vec::new();
    let mut is_private = false;
    for line in text.lines() {
        if let Some(title) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            is_private = matches!(title, "priv" | "privateExponent" | "prime1" | "prime2");
            if is_private {
                numbers.push(Vec::new());
            }
        } else if is_private && line.starts_with(' ') {
            let bytes = line.trim().split(':').filter(|byte| !byte.is_empty());
            numbers.last_mut().unwrap().extend(bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
    }
    // openssl shows the zero of a positive number, which stands in DER but in no register.
    for number in &mut numbers {
        if number.first() == Some(&0) && number.len() % 2 == 1 {
            number.remove(0);
        }
        assert!(number.len() >= 2 * ENOUGH, "{}", path.display());
    }
    numbers
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The base64 digits that these bytes alone decide, where `shift` of them belong to a group that began before.
fn base64(bytes: &[u8], shift: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes[shift..].chunks_exact(3);
    let digits = groups.flat_map(|group| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|at| char::from(DIGITS[(bits >> at & 63) as usize]))
    });
    digits.collect()
}

#[test]
fn every_form_is_found() {
    let mut secret = Secret { name: String::new(), needles: Vec::new() };
    let number: Vec<u8> = (100..132).collect();
    secret.add(&number);
    for before in 0..3 {
        let text = pem::encode(&pem::Pem::new("X", [vec![0; before], number.clone()].concat()));
        assert!(secret.forms_in(text.as_bytes()).contains(&"base64"), "{before} {text}");
    }
    assert!(secret.forms_in(&[&[1, 2], number.as_slice()].concat()).contains(&"DER"));
    assert!(secret.forms_in(hex(&number).as_bytes()).contains(&"hex"));
    let reversed: Vec<u8> = number.iter().rev().copied().collect();
    assert_eq!(secret.forms_in(&reversed), ["number in memory"; 2]);
    assert!(secret.forms_in(&number[..14]).is_empty());
}
