//! Files besides rules: models, certificates, lists of addresses, databases of countries, passwords, and what was learned.

use std::sync::Arc;

use model::Model;
use model::profile::{Profiles, State};
use sha2::{Digest, Sha256};
use signatures::Diagnostic;
use signatures::operator::GeoDatabase;

use super::super::CompiledPolicy;
use super::super::addresses;
use super::{Compiler, hex};
use crate::address::Addresses;
use crate::config::{Config, Countries, Learning};
use crate::policy::{ModelOrigin, ModelPolicy, Policy};
use crate::tls::Keyring;

impl Compiler<'_> {
    pub(super) fn model(&mut self, wanted: &ModelPolicy) -> Option<Arc<Model>> {
        let file = match &wanted.origin {
            ModelOrigin::Default => return Some(Model::built_in()),
            ModelOrigin::File(file) => file,
        };
        let directory = if file.starts_with('/') { "" } else { self.directory };
        let path = format!("{directory}{file}");
        if let Some(model) = self.models.get(&path) {
            return Some(model.clone());
        }
        let read =
            self.reader.read(&path).and_then(|bytes| Model::from_bytes(&bytes).map_err(|it| it.to_string()));
        match read {
            Ok(model) => Some(self.models.entry(path).or_insert(Arc::new(model)).clone()),
            Err(message) => {
                let title = format!("cannot read the model `{path}`: {message}");
                self.diagnostics.push(
                    Diagnostic::error("unreadable-model", title)
                        .at(wanted.place.clone(), "no model there")
                        .help(
                        "`default` is the one that comes with Portcullis; `portcullis train` makes others"
                            .to_owned(),
                    ),
                );
                None
            }
        }
    }

    /// Certificates, keys and authorities.
    pub(super) fn keyring(&mut self, config: &Config) -> Keyring {
        let mut keyring = Keyring::default();
        for tls in config.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            for files in &tls.certificates {
                keyring.read_identity(files, self.reader, &mut self.diagnostics);
            }
            if let Some(clients) = &tls.client_certificates {
                keyring.read_authorities(&clients.authorities, self.reader, &mut self.diagnostics);
            }
        }
        for authority in config.acme.iter().flat_map(|acme| &acme.authorities) {
            if let Some(file) = &authority.ca {
                keyring.read_authorities(file, self.reader, &mut self.diagnostics);
            }
            if let Some(eab) = &authority.eab {
                keyring.read_binding(&eab.hmac_key, self.reader, &mut self.diagnostics);
            }
        }
        for tls in config.upstreams.values().filter_map(|upstream| upstream.tls.as_ref()) {
            if let Some(files) = &tls.identity {
                keyring.read_identity(files, self.reader, &mut self.diagnostics);
            }
            if let Some(file) = &tls.authorities {
                keyring.read_authorities(file, self.reader, &mut self.diagnostics);
            }
        }
        keyring
    }

    /// Tokens that are in files of their own.
    pub(super) fn tokens(&mut self, keyring: &mut Keyring, config: &mut Config) {
        for (token, file, is_token) in config.tokens() {
            *token = keyring.read_token(file, is_token, self.reader, &mut self.diagnostics);
        }
    }

    pub(super) fn lists(&mut self, config: &Config) {
        for (name, wanted) in &config.address_lists {
            let before = self.lists_before.get(name);
            let loaded = addresses::load(wanted, before, self.reader, &mut self.diagnostics);
            self.lists.insert(name.clone(), loaded);
        }
    }

    /// What a policy makes of addresses, and the hashes of the files that says so.
    pub(super) fn addresses(&mut self, policy: &Policy) -> (Addresses, String) {
        let mut hashes = String::new();
        let mut named = |names: &[String]| {
            let found = names.iter().filter_map(|name| Some((name, self.lists.get(name)?)));
            let list = |(name, loaded): (&String, &Arc<addresses::LoadedList>)| {
                hashes.push_str(&hex(&loaded.hash));
                (name.as_str().into(), loaded.list.clone())
            };
            found.map(list).collect()
        };
        let (allow, deny) = (named(&policy.allow_addresses), named(&policy.deny_addresses));
        let countries = policy.countries.as_ref().and_then(|wanted| {
            let (database, hash) = self.database(wanted)?;
            hashes.push_str(&hash);
            Some((database, wanted.clone()))
        });
        (Addresses { allow, deny, skips: policy.allowed_skip.clone(), countries }, hashes)
    }

    /// A database of countries, with the hash of its file.
    fn database(&mut self, wanted: &Countries) -> Option<(Arc<GeoDatabase>, String)> {
        let path = &wanted.file;
        if let Some(known) = self.countries.get(path) {
            return Some(known.clone());
        }
        let read = self.reader.read(path).and_then(|bytes| {
            let hash = hex(&Sha256::digest(&bytes));
            Ok((Arc::new(GeoDatabase::read(bytes)?), hash))
        });
        match read {
            Ok(read) => Some(self.countries.entry(path.clone()).or_insert(read).clone()),
            Err(message) => {
                let title = format!("cannot read the database `{path}`: {message}");
                let found = Diagnostic::error("unreadable-database", title)
                    .at(wanted.place.clone(), "no database there");
                let help = "a file in MaxMind's format that knows countries, such as GeoLite2-Country.mmdb";
                self.diagnostics.push(found.help(help.to_owned()));
                None
            }
        }
    }

    /// Sees that the passwords of stores can be read; they are read again whenever a connection begins.
    pub(super) fn stores(&mut self, config: &Config) {
        for store in config.stores.values() {
            let Some(path) = &store.password_file else { continue };
            if let Err(message) = self.reader.read(path) {
                let title =
                    format!("cannot read the password of the store `{}`, `{path}`: {message}", store.name);
                let found = Diagnostic::error("unreadable-password", title);
                self.diagnostics.push(found.at(store.place.clone(), "no password there"));
            }
        }
    }

    /// What was learned of sites; of a state that is yet to be begun, nothing.
    pub(super) fn profiles(
        &mut self,
        learning: &Learning,
        policies: &[CompiledPolicy],
    ) -> Option<Arc<Profiles>> {
        let Learning { file, learns, quorum, place, .. } = learning;
        if policies.iter().all(|policy| policy.model.is_none()) {
            let found = Diagnostic::warning("learning-without-model", "no policy has a model to learn for")
                .at(place.clone(), "has no effect");
            self.diagnostics.push(found);
        }
        let is_new = *learns && self.reader.glob(file).is_ok_and(|found| found.is_empty());
        let read = match is_new {
            true => Ok(State::default()),
            false => self
                .reader
                .read(file)
                .and_then(|bytes| State::from_bytes(&bytes).map_err(|error| error.to_string())),
        };
        match read {
            Ok(state) => Some(Arc::new(Profiles::new(&state, quorum))),
            Err(message) => {
                let title = format!("cannot read what was learned, `{file}`: {message}");
                let help = match learns {
                    true => "put a copy from before in its place, or remove it: the proxy begins a new one",
                    false => "`portcullis learn from` makes such files, and so does mode `learn`",
                };
                let found = Diagnostic::error("unreadable-learned", title)
                    .at(place.clone(), "no learned state there")
                    .help(help.to_owned());
                self.diagnostics.push(found);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use signatures::Severity;
    use signatures::seclang::MemoryFiles;

    use super::super::Snapshot;
    use super::*;

    /// The hash of what was learned, or the codes of the errors.
    fn profile(learning: &str, files: &MemoryFiles) -> Result<Option<String>, Vec<&'static str>> {
        let text = format!(
            "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
             assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\npolicies: {{ p: {{}} }}\n{learning}\n"
        );
        match Snapshot::build("etc/p.yaml", &text, files, 0) {
            Ok((snapshot, _)) => Ok(snapshot.profiles().map(|profiles| profiles.hash().to_owned())),
            Err(found) => {
                let errors = found.iter().filter(|it| it.severity == Severity::Error);
                Err(errors.map(|it| it.code).collect())
            }
        }
    }

    #[test]
    fn reads_what_was_learned() {
        let empty = State::default();
        let files = MemoryFiles::default().with("etc/good", empty.to_bytes()).with("etc/bad", "no state");
        let hash = Ok(Some(empty.hash()));
        let unreadable = Err(vec!["unreadable-learned"]);
        for (learning, expected) in [
            ("", &Ok(None)),
            ("learning: { file: good }", &hash),
            ("learning: { file: good, mode: use }", &hash),
            ("learning: { file: new }", &hash),
            ("learning: { file: new, mode: use }", &unreadable),
            ("learning: { file: bad }", &unreadable),
            ("learning: { file: /etc/good, mode: use }", &unreadable),
        ] {
            assert_eq!(&profile(learning, &files), expected, "{learning}");
        }
    }
}
