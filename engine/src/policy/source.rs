//! Where a policy's rules come from.

use signatures::Location;
use signatures::seclang::{FileReader, Source, crs_layout};

use super::Role;
use super::spec::RuleSourceSpec;
use crate::config::At;

/// Where rules come from and what they are for.
#[derive(Clone, Debug)]
pub struct RuleSource {
    /// Where from.
    pub origin: Origin,
    /// What for.
    pub role: Role,
    /// Where the configuration says so.
    pub place: Location,
}

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The rules that come with Portcullis.
    Builtin,
    /// The directory of a Core Rule Set release.
    Crs(String),
    /// A rule file or a glob of them.
    File(String),
}

impl Origin {
    /// The form of the command line: `builtin`, `crs:DIR`, a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("crs:") {
            Some(directory) => Self::Crs(directory.to_owned()),
            None if text == "builtin" => Self::Builtin,
            None => Self::File(text.to_owned()),
        }
    }

    /// Its rule files, in order; relative paths are below `directory`, which is empty or ends in `/`.
    ///
    /// # Errors
    /// What was looked for and not found.
    pub fn sources(&self, directory: &str, reader: &dyn FileReader) -> Result<Vec<Source>, String> {
        let within = |path: &str| {
            if path.starts_with('/') { path.to_owned() } else { format!("{directory}{path}") }
        };
        match self {
            Self::Builtin => Ok(signatures::builtin::sources()),
            Self::Crs(path) => crs_layout(&within(path), reader),
            Self::File(pattern) => {
                let pattern = within(pattern);
                let mut paths = reader.glob(&pattern)?;
                paths.sort();
                if paths.is_empty() {
                    return Err(format!("there is no file `{pattern}`"));
                }
                Ok(paths.into_iter().map(Source::path).collect())
            }
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::Crs(directory) => write!(f, "crs:{directory}"),
            Self::File(path) => f.write_str(path),
        }
    }
}

pub(super) fn check_all(specs: Option<&[RuleSourceSpec]>, at: &At<'_>) -> Vec<RuleSource> {
    let Some(specs) = specs else {
        return vec![RuleSource { origin: Origin::Builtin, role: Role::Enforce, place: at.location() }];
    };
    let mut sources: Vec<RuleSource> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = at.item(index);
        let Some(source) = check(spec, &at) else { continue };
        if sources.iter().any(|other| other.origin == source.origin) {
            at.error("duplicate-source", format!("`{}` is listed twice", source.origin))
                .label("again")
                .report();
        }
        sources.push(source);
    }
    sources
}

fn check(spec: &RuleSourceSpec, at: &At<'_>) -> Option<RuleSource> {
    let source = match spec {
        RuleSourceSpec::Short(text) => {
            RuleSource { origin: Origin::parse(text), role: Role::Enforce, place: at.location() }
        }
        RuleSourceSpec::Long(long) => {
            let builtin = (long.builtin == Some(true)).then_some(Origin::Builtin);
            let crs = long.crs.clone().map(Origin::Crs);
            let file = long.file.clone().map(Origin::File);
            let mut origins = [builtin, crs, file].into_iter().flatten();
            let (Some(origin), None) = (origins.next(), origins.next()) else {
                at.error("contradiction", "expected exactly one of `builtin: true`, `crs` and `file`")
                    .label("where do these rules come from?")
                    .report();
                return None;
            };
            RuleSource { origin, role: long.role, place: at.location() }
        }
    };
    if let Origin::Crs(path) | Origin::File(path) = &source.origin
        && path.is_empty()
    {
        at.error("empty-path", "the path of a rule source is empty").label("must name rules").report();
        return None;
    }
    Some(source)
}
