//! DNS-01 by a command of the operator's: `COMMAND set NAME VALUE` makes a TXT record, `COMMAND unset NAME VALUE` removes it.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// The command, and how long its work takes to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsCommand {
    /// The program and its first arguments.
    pub command: Vec<String>,
    /// How long it takes until all name servers have a record.
    pub wait: Duration,
    /// How long one call may take.
    pub timeout: Duration,
}

impl DnsCommand {
    pub(crate) async fn set(&self, name: &str, value: &str) -> Result<(), String> {
        self.call("set", name, value).await
    }

    pub(crate) async fn unset(&self, name: &str, value: &str) -> Result<(), String> {
        self.call("unset", name, value).await
    }

    async fn call(&self, verb: &str, name: &str, value: &str) -> Result<(), String> {
        let (program, arguments) = self.command.split_first().ok_or("there is no command for the DNS")?;
        let mut command = Command::new(program);
        command.args(arguments).args([verb, name, value]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let what = format!("`{program} {verb} {name}`");
        match tokio::time::timeout(self.timeout, command.status()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{what} failed: {status}")),
            Ok(Err(error)) => Err(format!("{what} does not run: {error}")),
            Err(_) => Err(format!("{what} took longer than {} s", self.timeout.as_secs())),
        }
    }
}

/// The name of the record that an authority looks for.
pub(crate) fn record_name(name: &str) -> String {
    format!("_acme-challenge.{}", name.strip_prefix("*.").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(command: &[&str], timeout_ms: u64) -> DnsCommand {
        DnsCommand {
            command: command.iter().map(ToString::to_string).collect(),
            wait: Duration::ZERO,
            timeout: Duration::from_millis(timeout_ms),
        }
    }

    #[tokio::test]
    async fn says_what_the_command_did() {
        let directory = tempfile::tempdir().expect("directory");
        let seen = directory.path().join("seen");
        let script = format!("echo \"$@\" >> {}", seen.display());
        let it = hook(&["/bin/sh", "-c", &script, "sh"], 10_000);
        it.set("_acme-challenge.a.example.com", "value").await.expect("set");
        it.unset("_acme-challenge.a.example.com", "value").await.expect("unset");
        let text = std::fs::read_to_string(seen).expect("seen");
        assert_eq!(
            text,
            "set _acme-challenge.a.example.com value\nunset _acme-challenge.a.example.com value\n"
        );
        for (command, expected) in [
            (&["/bin/sh", "-c", "exit 3"][..], "failed: exit status: 3"),
            (&["/nowhere/hook"][..], "does not run"),
            (&["/bin/sh", "-c", "sleep 60"][..], "took longer"),
            (&[][..], "no command"),
        ] {
            let error = hook(command, 1_000).set("name", "value").await.expect_err("fails");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_wildcard_is_proved_at_its_parent() {
        assert_eq!(record_name("*.example.com"), "_acme-challenge.example.com");
        assert_eq!(record_name("a.example.com"), "_acme-challenge.a.example.com");
    }
}
