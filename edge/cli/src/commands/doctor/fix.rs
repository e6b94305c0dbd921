//! `handful doctor --fix`: how to get the next better engine on this board, printed or done.
//!
//! Wheels of Python are put into a folder of the user in which ONNX Runtime is looked for, so that
//! no setting has to name the library. No Python runs with them.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use edge::board::NextStep;
use edge::device::Device;
use models::fault::{AnyFault, Message};
use terminal::note;

use crate::text::one_line;

const PIP: &str = "pip3";
const SUDO: &str = "sudo";

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    /// A command, as words.
    Run(Vec<String>),
    /// What no command does.
    ByHand(String),
}

/// Prints the tasks of a step, or does them if the user consents.
///
/// # Errors
/// A command failed, or a task has to be done by hand.
pub(super) fn fix(
    step: Option<&NextStep>,
    device: &Device,
    is_consented: bool,
) -> Result<(), AnyFault> {
    let Some(step) = step else {
        return Ok(terminal::print("nothing to do: there is no better engine for this board")?);
    };
    let wheels = device.wheels();
    let tasks = tasks(step, wheels.as_deref().and_then(Path::to_str));
    if is_consented {
        perform(&tasks)?;
        note!("done; `handful doctor` shows which engines work now");
        return Ok(());
    }
    Ok(terminal::print(plan(step, &tasks))?)
}

/// The tasks of a step. Wheels are put into the folder `wheels`, if there is one.
fn tasks(step: &NextStep, wheels: Option<&str>) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for action in &step.actions {
        let is_found = wheels.is_some() && tasks.last().is_some_and(Task::is_wheel);
        match NextStep::command(action) {
            Some(command) => tasks.push(Task::Run(words(command, wheels))),
            // What follows a wheel is to name its library, which is found in that folder.
            None if is_found => {}
            None => tasks.push(Task::ByHand(action.clone())),
        }
    }
    tasks
}

/// The words of a command, with what lets it run without a question.
fn words(command: &str, wheels: Option<&str>) -> Vec<String> {
    let mut words: Vec<_> = command.split_whitespace().collect();
    match (words.first().copied(), wheels) {
        // Without a folder of its own, pip refuses to write where the system manages packages.
        (Some(PIP), Some(folder)) => {
            words.extend(["--no-deps", "--upgrade", "--target", folder]);
        }
        (Some(SUDO), _) if words.contains(&"apt") => words.push("--yes"),
        _ => {}
    }
    words.into_iter().map(str::to_owned).collect()
}

impl Task {
    fn is_wheel(&self) -> bool {
        matches!(self, Self::Run(words) if words.first().is_some_and(|word| word == PIP))
    }

    fn shown(&self) -> String {
        match self {
            Self::Run(words) => typed(words),
            Self::ByHand(text) => format!("by hand: {text}"),
        }
    }
}

/// A command as it is typed into a shell.
fn typed(words: &[String]) -> String {
    let words = words.iter().map(|word| match word.contains([' ', '\'', '$', '`', '"', '\\']) {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word.clone(),
    });
    one_line(&words.collect::<Vec<_>>().join(" "))
}

/// What is printed without consent: a line for each task.
fn plan(step: &NextStep, tasks: &[Task]) -> String {
    let mut plan = format!("for {} on this board:\n", step.provider);
    for (number, task) in (1..).zip(tasks) {
        plan += &format!("{number}. {}\n", task.shown());
    }
    if let Some(unsure) = step.release.and_then(|release| release.unsure) {
        plan += &format!("not certain: {unsure}\n");
    }
    plan += match tasks.first() {
        Some(Task::Run(_)) => "`handful doctor --fix --yes` runs the commands",
        _ => "nothing was changed",
    };
    plan
}

/// Runs the commands in order, up to the first task that is done by hand.
fn perform(tasks: &[Task]) -> Result<(), Message> {
    for (done, task) in tasks.iter().enumerate() {
        match task {
            Task::Run(words) => {
                note!("$ {}", typed(words));
                run(words)?;
            }
            Task::ByHand(_) => {
                let left: Vec<_> = tasks[done..].iter().map(Task::shown).collect();
                let left = left.join("; then ");
                return Err(Message::machine(format!("no command does what is left; {left}")));
            }
        }
    }
    Ok(())
}

/// Runs one command to its end, with the terminal of the user.
fn run(words: &[String]) -> Result<(), Message> {
    let (program, arguments) = words.split_first().expect("invariant: a command has words");
    match Command::new(program).args(arguments).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Message::machine(format!(
            "`{}` failed ({status}); mend this and run `handful doctor --fix --yes` again",
            typed(words)
        ))),
        // In a container there is no sudo, and none is needed.
        Err(error) if error.kind() == ErrorKind::NotFound && program == SUDO => run(arguments),
        Err(error) => {
            let text = format!("cannot start `{program}`: {error}; install it, or run by hand: ");
            Err(Message::machine(text + &typed(words)))
        }
    }
}

#[cfg(test)]
mod tests {
    use edge::engine::Provider;

    use super::*;

    fn step(actions: &[&str]) -> NextStep {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        NextStep { provider: Provider::Cpu, actions, release: None }
    }

    fn shown(actions: &[&str], wheels: Option<&str>) -> Vec<String> {
        tasks(&step(actions), wheels).iter().map(Task::shown).collect()
    }

    fn command(words: &[&str]) -> Task {
        Task::Run(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_wheel_is_put_where_it_is_found() {
        let actions = ["run `pip3 install onnxruntime`", "name the file of the wheel"];
        assert_eq!(
            shown(&actions, Some("/home/a b/wheels")),
            ["pip3 install onnxruntime --no-deps --upgrade --target '/home/a b/wheels'"]
        );
        // Without a folder its library has to be named.
        let expected = ["pip3 install onnxruntime", "by hand: name the file of the wheel"];
        assert_eq!(shown(&actions, None), expected);
    }

    #[test]
    fn other_commands_ask_nothing_and_other_actions_are_done_by_hand() {
        let actions = ["run `sudo apt install nvidia-jetpack`, which brings CUDA", "build it"];
        let expected = ["sudo apt install nvidia-jetpack --yes", "by hand: build it"];
        assert_eq!(shown(&actions, Some("/wheels")), expected);
    }

    #[test]
    fn the_plan_has_a_line_for_each_task() {
        let step = step(&["run `true`", "build it"]);
        let plan = plan(&step, &tasks(&step, None));
        let lines: Vec<_> = plan.lines().collect();
        assert_eq!(
            lines[..3],
            ["for onnxruntime/cpu on this board:", "1. true", "2. by hand: build it"]
        );
        assert!(lines[3].contains("--fix --yes"), "{plan}");
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_ends_the_commands() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let touch = || command(&["touch", made.to_str().unwrap()]);
        let error = perform(&[command(&["false"]), touch()]).unwrap_err().to_string();
        assert!(error.starts_with("`false` failed"), "{error}");
        assert!(!made.exists());
        let by_hand = Task::ByHand("build it".to_owned());
        let error = perform(&[touch(), by_hand, command(&["false"])]).unwrap_err().to_string();
        assert!(made.exists() && error.ends_with("by hand: build it; then false"), "{error}");
        let error = perform(&[command(&["/gone/program"])]).unwrap_err().to_string();
        assert!(error.starts_with("cannot start `/gone/program`"), "{error}");
        assert!(perform(&[touch(), command(&["true"])]).is_ok());
    }
}
