//! Found files of a unit → those that count, in the order in which systemd reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::UnitFile;

/// Where the system manager looks for units, first the strongest: systemd.unit(5), "Unit File Load Path". Hosts with a
/// split /usr have the units of their packages in /lib; elsewhere /lib is a link, and what is found there a second time
/// counts as the weaker file of the same name, that is, not at all.
pub const SEARCH_FOLDERS: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    INIT_SCRIPTS,
];

/// systemd-sysv-generator(8)
const INIT_SCRIPTS: &str = "/run/systemd/generator.late";

/// A unit's files that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `docker.service`
    pub name: String,
    /// The unit's own file, from the strongest folder that has one.
    pub fragment: Option<UnitFile>,
    /// Where that one masks the unit: the file that would count without it.
    pub beneath_mask: Option<UnitFile>,
    /// In the order in which they are applied.
    pub drop_ins: Vec<UnitFile>,
}

/// The folders whose `*.conf` files are drop-ins of a unit, first the strongest. Drop-ins of the unit's aliases are not
/// among them: nobody ships dockerd under two names.
pub fn drop_in_folders(unit: &str) -> Vec<PathBuf> {
    let names = names(unit);
    let own = SEARCH_FOLDERS.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}.d")));
    let kind = unit.rsplit_once('.').map_or("service", |(_, kind)| kind);
    let shared = SEARCH_FOLDERS.iter().map(|folder| format!("{folder}/{kind}.d"));
    own.chain(shared).map(PathBuf::from).collect()
}

/// A unit's name, its template's and those of its dash prefixes: `a-b@c.service` is also `a-b@.service` and
/// `a-.service`.
fn names(unit: &str) -> Vec<String> {
    let mut names = vec![unit.to_owned()];
    let Some((stem, kind)) = unit.rsplit_once('.') else { return names };
    let prefix = match stem.split_once('@') {
        Some((prefix, instance)) => {
            if !instance.is_empty() {
                names.push(format!("{prefix}@.{kind}"));
            }
            prefix
        }
        None => stem,
    };
    let dashes = prefix.rmatch_indices('-').filter(|(at, _)| *at > 0 && at + 1 < prefix.len());
    names.extend(dashes.map(|(at, _)| format!("{}.{kind}", &prefix[..=at])));
    names
}

impl Unit {
    /// The same unit with one more drop-in, or another text of one.
    pub fn with_drop_in(&self, drop_in: &UnitFile) -> Self {
        let others = self.fragment.iter().chain(&self.beneath_mask).chain(&self.drop_ins);
        let others = others.filter(|file| file.path != drop_in.path);
        let files = others.cloned().chain(std::iter::once(drop_in.clone())).collect();
        Self::new(&self.name, files)
    }

    /// Sorts what was found, in any order; files that are none of this unit's are left out.
    pub fn new(name: &str, found: Vec<UnitFile>) -> Self {
        let folders = drop_in_folders(name);
        let own = [Some(name.to_owned()), names(name).into_iter().nth(1).filter(|other| other.contains("@."))];
        let mut fragments: BTreeMap<usize, UnitFile> = BTreeMap::new();
        let mut drop_ins: BTreeMap<String, (usize, UnitFile)> = BTreeMap::new();
        for file in found {
            let file_name = file.name().to_owned();
            if let Some(rank) = folders.iter().position(|folder| folder == file.folder()) {
                if is_drop_in(&file_name) && drop_ins.get(&file_name).is_none_or(|(before, _)| rank < *before) {
                    drop_ins.insert(file_name, (rank, file));
                }
                continue;
            }
            let Some(template) = own.iter().position(|own| own.as_ref() == Some(&file_name)) else { continue };
            let Some(folder) = SEARCH_FOLDERS.iter().position(|folder| file.folder() == *folder) else { continue };
            fragments.insert(template * SEARCH_FOLDERS.len() + folder, file);
        }
        let mut fragments = fragments.into_values();
        let fragment = fragments.next();
        let is_masked = fragment.as_ref().is_some_and(is_mask);
        Self {
            name: name.to_owned(),
            fragment,
            beneath_mask: fragments.find(|file| is_masked && !is_mask(file)),
            drop_ins: drop_ins.into_values().map(|(_, file)| file).collect(),
        }
    }

    /// Whether the unit exists only to be refused.
    pub fn is_masked(&self) -> bool {
        self.fragment.as_ref().is_some_and(is_mask)
    }

    /// Whether systemd made the unit of an init script, which a removed package leaves behind.
    pub fn is_of_init_script(&self) -> bool {
        self.fragment.as_ref().is_some_and(|file| file.folder() == Path::new(INIT_SCRIPTS))
    }

    /// The unit as it will be once nobody masks it any more.
    pub fn unmasked(&self) -> Self {
        let fragment = if self.is_masked() { &self.beneath_mask } else { &self.fragment };
        Self { fragment: fragment.clone(), beneath_mask: None, ..self.clone() }
    }

    /// The fragment and the drop-ins, those of file name `without` left out.
    pub fn files<'a>(&'a self, without: Option<&'a str>) -> impl Iterator<Item = &'a UnitFile> {
        let drop_ins = self.drop_ins.iter().filter(move |file| Some(file.name()) != without);
        self.fragment.iter().chain(drop_ins)
    }
}

/// A link to /dev/null reads as empty.
fn is_mask(fragment: &UnitFile) -> bool {
    fragment.text.is_empty()
}

/// systemd passes over hidden files.
fn is_drop_in(name: &str) -> bool {
    name.strip_suffix(".conf").is_some_and(|stem| !stem.is_empty()) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str, paths: &[&str]) -> (Option<String>, Vec<String>) {
        let file = |path: &&str| UnitFile { path: PathBuf::from(path), text: "[Service]\n".to_owned() };
        let text = |file: &UnitFile| file.path.display().to_string();
        let unit = Unit::new(name, paths.iter().map(file).collect());
        (unit.fragment.as_ref().map(text), unit.drop_ins.iter().map(text).collect())
    }

    #[test]
    fn the_strongest_folder_wins_and_names_sort_over_all_folders() {
        let (fragment, drop_ins) = unit(
            "docker.service",
            &[
                "/lib/systemd/system/docker.service",
                "/usr/lib/systemd/system/docker.service",
                "/run/systemd/generator.late/docker.service",
                "/usr/lib/systemd/system/docker.service.d/10-a.conf",
                "/lib/systemd/system/docker.service.d/10-a.conf",
                "/run/systemd/system/docker.service.d/10-a.conf",
                "/etc/systemd/system/docker.service.d/zz.conf",
                "/etc/systemd/system/docker.service.d/override.conf",
                "/etc/systemd/system/docker.service.d/.hidden.conf",
                "/etc/systemd/system/docker.service.d/old.conf.bak",
                "/run/systemd/system/docker.service.d/Big.conf",
                "/etc/systemd/system.control/docker.service.d/50-Limit.conf",
                "/etc/systemd/system/docker.socket.d/x.conf",
                "/srv/docker.service",
            ],
        );
        assert_eq!(fragment.as_deref(), Some("/usr/lib/systemd/system/docker.service"));
        assert_eq!(
            drop_ins,
            [
                "/run/systemd/system/docker.service.d/10-a.conf",
                "/etc/systemd/system.control/docker.service.d/50-Limit.conf",
                "/run/systemd/system/docker.service.d/Big.conf",
                "/etc/systemd/system/docker.service.d/override.conf",
                "/etc/systemd/system/docker.service.d/zz.conf",
            ]
        );
    }

    #[test]
    fn a_drop_in_of_all_services_yields_to_the_units_own_of_that_name() {
        let (_, drop_ins) = unit(
            "docker.service",
            &[
                "/etc/systemd/system/service.d/10-all.conf",
                "/usr/lib/systemd/system/docker.service.d/10-all.conf",
                "/usr/lib/systemd/system/service.d/20-all.conf",
            ],
        );
        assert_eq!(
            drop_ins,
            ["/usr/lib/systemd/system/docker.service.d/10-all.conf", "/usr/lib/systemd/system/service.d/20-all.conf"]
        );
    }

    #[test]
    fn templates_and_dashes_have_folders_of_their_own() {
        assert_eq!(names("a-b-c@d.service"), ["a-b-c@d.service", "a-b-c@.service", "a-b-.service", "a-.service"]);
        assert_eq!(names("docker.service"), ["docker.service"]);
        assert_eq!(drop_in_folders("docker.service").len(), 26);
        let (fragment, drop_ins) = unit(
            "docker@x.service",
            &["/etc/systemd/system/docker@.service", "/etc/systemd/system/docker@.service.d/a.conf"],
        );
        assert_eq!(fragment.as_deref(), Some("/etc/systemd/system/docker@.service"));
        assert_eq!(drop_ins, ["/etc/systemd/system/docker@.service.d/a.conf"]);
    }

    #[test]
    fn an_empty_fragment_masks() {
        let file = UnitFile { path: "/etc/systemd/system/docker.service".into(), text: String::new() };
        let masked = Unit::new("docker.service", vec![file.clone()]);
        assert!(masked.is_masked());
        assert_eq!(masked.unmasked().fragment, None);

        let vendor = |folder: &str| UnitFile {
            path: format!("{folder}/systemd/system/docker.service").into(),
            text: "[Service]\n".to_owned(),
        };
        let unit = Unit::new("docker.service", vec![vendor("/lib"), file.clone(), vendor("/usr/lib")]);
        assert_eq!((unit.is_masked(), unit.fragment.as_ref()), (true, Some(&file)));
        let unmasked = unit.unmasked();
        assert_eq!((unmasked.is_masked(), unmasked.fragment), (false, Some(vendor("/usr/lib"))));
    }
}
