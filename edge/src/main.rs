//! The command on the device.

fn main() {}
