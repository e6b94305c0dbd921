//! A settings file to start from.

use confique::toml::FormatOptions;

use crate::device::Device;
use crate::service::Service;

const HEAD: &str = "\
# Settings of Handful, for handful-server and the command handful: give this file with --config, or
# in the environment as HANDFUL_CONFIG. A flag overrides the environment, the environment overrides
# this file. To set a key, remove the # before it.
";

/// A TOML file with every key, commented out, with its help text and default.
#[must_use]
pub fn template() -> String {
    let device = confique::toml::template::<Device>(FormatOptions::default());
    let service = confique::toml::template::<Service>(FormatOptions::default());
    format!("{HEAD}\n{device}\n{service}")
}

#[cfg(test)]
mod tests {
    use confique::Config;

    use super::*;
    use crate::cases::both;

    #[test]
    fn the_template_changes_nothing() {
        assert_eq!(format!("{:?}", both(&template(), &[])), format!("{:?}", both("", &[])));
    }

    #[test]
    fn every_key_of_the_template_is_one_with_its_default() {
        let template = template();
        let keys = template.lines().filter_map(|line| line.strip_prefix('#'));
        let keys: Vec<&str> = keys.filter(|line| !line.is_empty() && line[..1] != *" ").collect();
        let count = Device::META.fields.len() + Service::META.fields.len();
        assert_eq!(keys.len(), count, "{template}");
        // What has no default is written as `key =`.
        let set: Vec<&str> = keys.into_iter().filter(|line| !line.ends_with('=')).collect();
        assert!(set.contains(&"max_files = 64") && set.len() > 20, "{set:?}");
        let read = both(&set.join("\n"), &[]).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", both("", &[]).unwrap()));
    }

    #[test]
    fn the_template_is_documented_in_narrow_lines() {
        let template = template();
        assert!(template.contains("# Images in one request\n"), "{template}");
        assert!(template.contains("`HANDFUL_MAX_FILES`"), "{template}");
        assert!(template.lines().all(|line| line.chars().count() <= 100), "{template}");
    }
}
