//! Completions of commands and options for bash, zsh and fish.
//!
//! Each script walks the words that were typed to the command they name, and offers what `--help`
//! lists there. Where a command takes files, the shell completes files.

use super::help::Page;

/// Where a script is installed below `/usr/share`, and its text.
pub(super) fn scripts(page: &Page) -> Vec<(String, String)> {
    let name = &page.name;
    vec![
        (format!("bash-completion/completions/{name}"), bash(page)),
        (format!("zsh/vendor-completions/_{name}"), zsh(page)),
        (format!("fish/vendor_completions.d/{name}.fish"), fish(page)),
    ]
}

/// The name as a part of a name of a shell function.
fn function(page: &Page) -> String {
    page.name.replace('-', "_")
}

/// All commands below a program as a pattern of `case`; `none` if there are none.
fn pattern(page: &Page) -> String {
    let below: Vec<_> = page.all()[1..].iter().map(|page| format!("'{}'", page.name)).collect();
    if below.is_empty() { "none".to_owned() } else { below.join(" | ") }
}

/// The words of a page: its commands, and its options.
fn words(page: &Page) -> (String, String) {
    let commands: Vec<_> = page.commands.iter().map(last_word).collect();
    let options: Vec<_> = page.options().into_iter().map(|(option, _)| option).collect();
    (commands.join(" "), options.join(" "))
}

fn last_word(page: &Page) -> &str {
    page.name.rsplit(' ').next().unwrap_or_default()
}

fn bash(page: &Page) -> String {
    let name = &page.name;
    let function = function(page);
    let mut arms = String::new();
    for below in page.all() {
        let (commands, options) = words(below);
        arms += &format!("    '{}') commands='{commands}' options='{options}' ;;\n", below.name);
    }
    format!(
        "_{function}() {{
    local at={name} commands= options= word
    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do
        case \"$at $word\" in
        {}) at=\"$at $word\" ;;
        esac
    done
    case \"$at\" in
{arms}    esac
    word=${{COMP_WORDS[COMP_CWORD]}}
    [[ $word == -* ]] && commands=$options
    mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")
}}
complete -o default -F _{function} {name}
",
        pattern(page)
    )
}

fn zsh(page: &Page) -> String {
    let name = &page.name;
    // `commands` and `options` are variables of zsh itself.
    let mut arms = String::new();
    for below in page.all() {
        let (commands, options) = words(below);
        arms += &format!("'{}') below=({commands}) flags=({options}) ;;\n", below.name);
    }
    format!(
        "#compdef {name}
local at={name} word
local -a below flags
for word in ${{words[2,CURRENT-1]}}; do
    case \"$at $word\" in
    ({}) at=\"$at $word\" ;;
    esac
done
case \"$at\" in
{arms}esac
if [[ $PREFIX == -* ]]; then
    compadd -- $flags
elif (( $#below )); then
    compadd -- $below
else
    _files
fi
",
        pattern(page)
    )
}

fn fish(page: &Page) -> String {
    let name = &page.name;
    let at = format!("__{}_at", function(page));
    let mut script = format!(
        "function {at}
    set -l at {name}
    for word in (commandline -opc)[2..]
        switch \"$at $word\"
            case {}
                set at \"$at $word\"
        end
    end
    test \"$at\" = \"$argv\"
end
",
        pattern(page).replace(" | ", " ")
    );
    for below in page.all() {
        let start = format!("complete -c {name} -n '{at} {}'", below.name);
        for command in &below.commands {
            let text = quoted(&command.about);
            script += &format!("{start} -f -a {} -d {text}\n", last_word(command));
        }
        for (option, text) in below.options() {
            script += &format!("{start} {} -d {}\n", fish_option(&option), quoted(text));
        }
    }
    script
}

/// `-l json` for `--json`, `-s h` for `-h`.
fn fish_option(option: &str) -> String {
    match option.strip_prefix("--") {
        Some(long) => format!("-l {long}"),
        None => format!("-s {}", option.trim_start_matches('-')),
    }
}

/// The first sentence of a text, short enough for a list, in single quotes.
fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let end = line.find(['.', ';', ':', '[']).unwrap_or(line.len());
    format!("'{}'", line[..end].trim().replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::super::help::tests::demo;
    use super::*;

    #[test]
    fn bash_offers_commands_and_options() {
        let script = bash(&demo());
        assert!(script.contains("'demo list') at=\"$at $word\" ;;"), "{script}");
        assert!(script.contains("'demo') commands='list' options='--json -h' ;;"), "{script}");
    }

    #[test]
    fn fish_describes_them() {
        let script = fish(&demo());
        assert!(script.contains("-n '__demo_at demo' -f -a list -d 'List'"), "{script}");
        assert!(script.contains("-n '__demo_at demo' -l json -d 'Print JSON"), "{script}");
    }

    #[test]
    fn quotes_end_no_description() {
        assert_eq!(quoted("the user's folder; and more"), "'the user\\'s folder'");
    }
}
