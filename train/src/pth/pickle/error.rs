//! Errors of interpreting a pickle.

/// The most values that a pickle may create. A network of a thousand tensors creates about 30,000.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// Why a pickle is not a `state_dict`.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum PickleError {
    /// The pickle ends before its last instruction.
    #[error("the pickle ends at byte {at}, in the middle of an instruction: the file is cut short")]
    Cut {
        /// Position in bytes.
        at: usize,
    },
    /// An instruction that no `state_dict` needs.
    #[error("the pickle has the instruction 0x{code:02x} at byte {at}, which no state_dict needs")]
    Instruction {
        /// Its code.
        code: u8,
        /// Position in bytes.
        at: usize,
    },
    /// A class or function that no `state_dict` needs.
    #[error(
        "the pickle wants to use `{}`, but only plain tensors are read and nothing is executed; save only the weights: torch.save(model.state_dict(), path)",
        name.escape_debug()
    )]
    Global {
        /// Its Python module and name.
        name: String,
    },
    /// An instruction with invalid operands.
    #[error("the pickle is broken at byte {at}: expected {expected}")]
    Broken {
        /// Position in bytes.
        at: usize,
        /// The expected operands.
        expected: &'static str,
    },
    /// More values than a network needs.
    #[error("the pickle creates more than {MAX_VALUES} values; expected a state_dict")]
    TooMany,
}
