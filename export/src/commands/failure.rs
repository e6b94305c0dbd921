//! Reports errors.

use std::error::Error;

use export::error::ExportError;
use export::verify::NetworkVerification;
use export::wrap::WrapError;
use models::fault::{AnyFault, Fault};
use terminal::note;

/// Prints an error on standard error, and the table of a rejected network before it.
pub(crate) fn report(error: &AnyFault, json: bool) {
    // Only a rejected network has a table; other errors are one line.
    let rejected = rejected(&**error);
    if json {
        let object = serde_json::json!({
            "written": false,
            "error": error.to_string(),
            "verification": rejected,
        });
        // The error below, and its exit code, say more than that this text is lost.
        let _ = terminal::print(format_args!("{object:#}"));
    } else if let Some(verification) = rejected {
        note!("{}", verification.to_string().trim_end());
    }
    // Not `{error:#}`: each of our errors already contains its cause.
    note!("error: {error}");
}

/// The table of a rejected network, wherever in the chain of causes it is.
fn rejected<'a>(error: &'a (dyn Fault + 'static)) -> Option<&'a NetworkVerification> {
    let mut cause: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(ExportError::Rejected(verification)) = error.downcast_ref() {
            return Some(verification);
        }
        if let Some(WrapError::Disagree(verification)) = error.downcast_ref() {
            return Some(verification);
        }
        cause = error.source();
    }
    None
}
