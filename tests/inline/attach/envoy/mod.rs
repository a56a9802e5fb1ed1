//! A real Envoy, asking by `ext_proc` and by `ext_authz`.

mod answers;
mod checked;
mod faults;
mod gateway;
mod hostile;
mod installed;
mod requests;
mod same;

use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::{socket, table};
pub(super) use gateway::{Gateway, Setup};

/// An agent for Envoy at `{here}/inspect.sock`.
fn agent(mode: &str, policy: &str, endpoint: &str) -> Portcullis {
    let yaml = format!(
        r#"version: 1
attachments: {{ envoy: [{{ address: "unix:{{here}}/inspect.sock", {endpoint} }}] }}
assets: [{{ name: all, hosts: ["*"], policy: default }}]
policies:
  default:
    mode: {mode}
    signatures: {{ rules: [{{ file: rules.conf }}] }}
    {policy}
admin: {{ address: "127.0.0.1:0" }}
reports: {{ decisions: {{ to: "{{here}}/decisions.jsonl", only: all }} }}
"#
    );
    Portcullis::start_yaml(&yaml, &format!("{}{RULES}", table::RULES))
}

/// Messages of gRPC are looked at as they are.
const RULES: &str = r#"
SecRule REQUEST_HEADERS:Content-Type "@beginsWith application/grpc" "id:5,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On"
"#;

/// Envoy between clients and an application.
fn gateway(setup: &Setup, agent: &Portcullis, origin: &Origin) -> Option<Gateway> {
    Gateway::start(setup, &socket(agent), origin.address, None)
}
