//! Reports errors and chooses the exit code.

use edge::locate::NotFound;
use export::error::ExportError;
use export::run::RunError;
use export::verify::NetworkVerification;
use models::bundle::BundleError;

use super::bad_input::BadInput;
use super::inspect::InspectError;
use super::output::print;

/// 2 for bad input, 1 for every other failure.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if is_bad_input(error) { 2 } else { 1 }
}

fn is_bad_input(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ExportError>().is_some_and(ExportError::is_bad_input)
        || error.is::<BundleError>()
        || error.is::<InspectError>()
        || error.is::<RunError>()
        || error.is::<NotFound>()
        || error.is::<BadInput>()
}

/// Prints an error on standard error, and the table of a rejected network before it.
pub(crate) fn report(error: &anyhow::Error, json: bool) {
    // Only a rejected network has a table; other errors are one line.
    let rejected = rejected(error);
    if json {
        let object = serde_json::json!({
            "written": false,
            "error": error.to_string(),
            "verification": rejected,
        });
        print(&format!("{object:#}"));
    } else if let Some(verification) = rejected {
        eprint!("{verification}");
    }
    // Not `{error:#}`: each of our errors already contains its cause.
    eprintln!("error: {error}");
}

fn rejected(error: &anyhow::Error) -> Option<&NetworkVerification> {
    match error.downcast_ref::<ExportError>() {
        Some(ExportError::Rejected(verification)) => Some(verification),
        _ => None,
    }
}
