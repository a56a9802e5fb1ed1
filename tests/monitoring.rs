//! Alerts, dashboards, rules for Falco and the shipping of logs, against what the real binary exports and writes.
//!
//! Alerts are judged by promtool, in the rules file that is shipped: by series made up for it (`monitoring/alerts.test.yaml`), and by
//! series that are scrapes of a real process while something was really wrong with it (`monitoring/faults.rs`). Tests that need a
//! program that is not installed say so and pass.

#[allow(dead_code, reason = "shared with `inline`, which uses all of it")]
#[path = "inline/curl.rs"]
mod curl;
#[allow(dead_code, reason = "shared with `inline`, which uses all of it")]
#[path = "inline/origin.rs"]
mod origin;
#[allow(dead_code, reason = "shared with `inline`, which uses all of it")]
#[path = "inline/process.rs"]
mod process;

#[path = "monitoring/alerts.rs"]
mod alerts;
#[path = "monitoring/client.rs"]
mod client;
#[path = "monitoring/everything.rs"]
mod everything;
#[path = "monitoring/falco.rs"]
mod falco;
#[path = "monitoring/faults.rs"]
mod faults;
#[path = "monitoring/promtool.rs"]
mod promtool;
#[path = "monitoring/queries.rs"]
mod queries;
#[path = "monitoring/rendered.rs"]
mod rendered;
#[path = "monitoring/runbook.rs"]
mod runbook;
#[path = "monitoring/shipping.rs"]
mod shipping;
#[path = "monitoring/watch.rs"]
mod watch;
