//! The Helm chart, by what the real helm makes of it. What cannot be had here (helm, other people's charts, checkov) is said and left out.

#[path = "chart/checkov.rs"]
mod checkov;
#[path = "chart/combinations.rs"]
mod combinations;
#[path = "chart/configuration.rs"]
mod configuration;
#[path = "chart/controllers.rs"]
mod controllers;
#[path = "chart/gateways.rs"]
mod gateways;
#[path = "chart/hardening/mod.rs"]
mod hardening;
#[path = "chart/helm3.rs"]
mod helm3;
#[path = "chart/notes.rs"]
mod notes;
#[path = "chart/objects.rs"]
mod objects;
#[path = "chart/options.rs"]
mod options;
#[path = "chart/python.rs"]
mod python;
#[path = "chart/topologies.rs"]
mod topologies;
#[path = "chart/values/mod.rs"]
mod values;
