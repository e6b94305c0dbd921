//! The processors that packages are made for.

use clap::ValueEnum;

/// The newest glibc that a program may need: that of Debian 11, Ubuntu 20.04 and JetPack 5.
pub(super) const GLIBC: (u32, u32) = (2, 31);

/// A processor, with Linux and glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// PCs.
    #[value(name = "x86_64")]
    X86,
    /// Raspberry Pi 4 and newer, Jetson Orin.
    #[value(name = "aarch64")]
    Arm,
}

impl Target {
    /// In the order in which they are built: man pages come from programs that run here.
    pub(super) const ALL: &[Self] = &[Self::X86, Self::Arm];

    /// As rustc calls it.
    pub(super) fn triple(self) -> &'static str {
        match self {
            Self::X86 => "x86_64-unknown-linux-gnu",
            Self::Arm => "aarch64-unknown-linux-gnu",
        }
    }

    /// As Debian calls it.
    pub(super) fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    /// As packages of npm call it.
    pub(super) fn node(self) -> &'static str {
        match self {
            Self::X86 => "x64",
            Self::Arm => "arm64",
        }
    }

    /// As `uname -m` prints it.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }
}
