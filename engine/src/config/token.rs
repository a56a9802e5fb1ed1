//! Tokens that callers must send: written in the configuration, or in a file of their own.

use super::{At, Config};
use crate::tls::NamedFile;

/// The file of a token. There is one or the other.
pub(super) fn file(token: Option<&str>, file: Option<&str>, at: &At<'_>) -> Option<NamedFile> {
    let at = at.key("token_file");
    if token.is_some() && file.is_some() {
        at.error("contradiction", "there are two tokens, `token` and `token_file`")
            .at_key()
            .label("one of them")
            .report();
    }
    Some(NamedFile::new(file?, at.location()))
}

/// Whether this can be the admin listener's.
pub(crate) fn of_admin(token: &str) -> Result<(), &'static str> {
    if token.is_empty() { Err("the file is empty") } else { Ok(()) }
}

/// Whether this can be a gateway's. It is compared with a path as it is, so it has nothing that a path could write in two ways.
pub(crate) fn of_gateway(token: &str) -> Result<(), &'static str> {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_plain && token.len() >= LENGTH_MIN {
        Ok(())
    } else {
        Err("it is not 16 or more letters, digits, `-` or `_`")
    }
}

/// Where a token goes, where it comes from, and what it must be like.
pub(crate) type Wanted<'a> = (&'a mut Option<String>, &'a NamedFile, fn(&str) -> Result<(), &'static str>);

impl Config {
    /// The tokens that are in files.
    pub(crate) fn tokens(&mut self) -> impl Iterator<Item = Wanted<'_>> {
        let admin = self.admin.iter_mut();
        let admin = admin.filter_map(|it| Some((&mut it.token, it.token_file.as_ref()?, of_admin as _)));
        let inspect = self.attachments.inspect.iter_mut();
        let inspect =
            inspect.filter_map(|it| Some((&mut it.token, it.token_file.as_ref()?, of_gateway as _)));
        let envoy = self.attachments.envoy.iter_mut();
        let envoy = envoy.filter_map(|it| Some((&mut it.token, it.token_file.as_ref()?, of_gateway as _)));
        admin.chain(inspect).chain(envoy)
    }
}

/// The shortest token of a gateway (bytes).
pub(super) const LENGTH_MIN: usize = 16;
