//! Handful.
