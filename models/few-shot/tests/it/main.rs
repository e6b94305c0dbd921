//! Everything that is tested across modules, in one binary.

#![allow(clippy::unwrap_used)]

mod comparison;
mod decision_fixtures;
mod episodes;
mod evaluate;
mod fixtures;
mod knowledge_fixtures;
mod same_prototypes;
mod unknown;
