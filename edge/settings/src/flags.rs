//! The settings as flags of a command line, with their environment variables.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use confique::meta::{Expr, Field, FieldKind, LeafKind};
use confique::{Config, Layer};

use crate::error::SettingsError;
use crate::file::SettingsFile;

/// The settings `C` as clap reads them from flags and environment.
#[derive(Debug)]
pub struct Flags<C: Config>(C::Layer);

impl<C: Config> Flags<C> {
    /// These settings; those not set are taken from `file`, and else have their defaults.
    ///
    /// # Errors
    /// [`SettingsError::File`] if a value of the file cannot be used.
    ///
    /// # Panics
    /// If a setting of `C` is neither optional nor has a default.
    pub fn over(self, file: Option<&SettingsFile>) -> Result<C, SettingsError> {
        let file = file.map(SettingsFile::layer).transpose()?.unwrap_or_else(C::Layer::empty);
        let all = self.0.with_fallback(file).with_fallback(C::Layer::default_values());
        Ok(C::from_layer(all).expect("invariant: a setting is optional or has a default"))
    }
}

impl<C: Config<Layer: FromArgMatches>> FromArgMatches for Flags<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        C::Layer::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        C::Layer::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }

    fn update_from_arg_matches_mut(&mut self, matches: &mut ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches_mut(matches)
    }
}

impl<C: Config<Layer: Args>> Args for Flags<C> {
    fn augment_args(command: Command) -> Command {
        completed(C::Layer::augment_args(command), C::META.fields)
    }

    fn augment_args_for_update(command: Command) -> Command {
        completed(C::Layer::augment_args_for_update(command), C::META.fields)
    }
}

/// The environment variables of the settings `C`.
pub fn variables<C: Config>() -> impl Iterator<Item = &'static str> {
    C::META.fields.iter().filter_map(|field| match field.kind {
        FieldKind::Leaf { env, .. } => env,
        FieldKind::Nested { .. } => None,
    })
}

/// Adds what `confique` knows of each setting and clap does not.
fn completed(command: Command, fields: &'static [Field]) -> Command {
    command.mut_args(|arg| {
        let field = fields.iter().find(|field| field.name == arg.get_id().as_str());
        match field.map(|field| field.kind) {
            Some(FieldKind::Leaf { env, kind }) => with_default(with_variable(arg, env), kind),
            Some(FieldKind::Nested { .. }) | None => arg,
        }
    })
}

fn with_variable(arg: Arg, env: Option<&'static str>) -> Arg {
    match env {
        // The help is the same on every machine.
        Some(name) => arg.env(name).hide_env_values(true),
        None => arg,
    }
}

fn with_default(arg: Arg, kind: LeafKind) -> Arg {
    let default = match kind {
        LeafKind::Required { default: Some(Expr::Str(text)) } => text.to_owned(),
        LeafKind::Required { default: Some(Expr::Integer(number)) } => number.to_string(),
        // An absent flag is off, and an absent list is empty.
        LeafKind::Required { .. } | LeafKind::Optional => return arg,
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.help(format!("{help} [default: {default}]"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cases::{Arguments, both};
    use crate::{Device, Service};

    #[test]
    fn every_setting_is_a_documented_flag_and_variable_of_its_name() {
        let command = Arguments::command();
        let fields: Vec<_> = Service::META.fields.iter().chain(Device::META.fields).collect();
        for field in &fields {
            let flag = field.name.replace('_', "-");
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&flag)).unwrap();
            let variable = format!("HANDFUL_{}", field.name.to_uppercase());
            assert_eq!(arg.get_env().unwrap(), variable.as_str());
            let help = arg.get_help().unwrap().to_string();
            assert!(help.len() > 15, "{flag}: {help}");
            assert_eq!(arg.get_value_names().map(<[_]>::len), Some(1), "{flag}");
        }
        assert_eq!(command.get_arguments().count(), fields.len());
    }

    #[test]
    fn the_help_has_the_defaults() {
        let help = Arguments::command().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for default in ["127.0.0.1:8080", "warn", "64", "40000000", "8589934592", "/", "auto"] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}: {help}");
        }
        // The values of the environment are not shown.
        assert!(help.contains("[env: HANDFUL_LISTEN]"), "{help}");
    }

    #[test]
    fn every_setting_is_optional_or_has_a_default() {
        let Arguments { service, device } = Arguments::parse_from(["handful-server"]);
        let service = service.over(None).unwrap();
        assert_eq!(service.listen.to_string(), "127.0.0.1:8080");
        assert!(!service.insecure && !service.setup && service.allow_host.is_empty());
        let device = device.over(None).unwrap();
        assert_eq!((device.threads, device.max_pixels), (None, 40_000_000));
    }

    #[test]
    fn a_flag_overrides_the_file_and_the_file_the_default() {
        let file = "threads = 1\nstore = \"a\"\nmax_files = 3\nmax_queue = 50\ninsecure = true\n\
                    allow_host = [\"a\", \"b\"]\ntrusted_proxy = [\"unix\"]\nlog = \"info\"\n";
        let flags = ["--store=b", "--max-files=4", "--insecure=false", "--allow-host=c,d"];
        let (service, device) = both(file, &flags).unwrap();
        assert_eq!(device.store, Some("b".into()));
        assert_eq!(device.threads, Some("1".parse().unwrap()));
        assert_eq!((service.max_files, service.max_queue, service.max_classes), (4, 50, 20_000));
        assert!(!service.insecure);
        assert_eq!(service.allow_host, ["c", "d"]);
        assert_eq!((service.log.to_string(), service.trusted_proxy.len()), ("info".into(), 1));
    }

    #[test]
    fn lists_are_separated_by_commas_or_repeated() {
        let args = ["--trusted-proxy", "10.0.0.0/8,unix", "--trusted-proxy", "::1"];
        let (service, _) = both("", &args).unwrap();
        let proxies: Vec<String> = service.trusted_proxy.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.0/8", "unix", "::1/128"]);
    }

    #[test]
    fn variables_are_those_of_one_part() {
        assert!(variables::<Device>().any(|name| name == "HANDFUL_STORE"));
        assert!(!variables::<Device>().any(|name| name == "HANDFUL_LISTEN"));
        assert_eq!(variables::<Service>().count(), Service::META.fields.len());
    }
}
