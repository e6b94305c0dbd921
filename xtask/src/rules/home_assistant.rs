//! The add-on of Home Assistant: its keys are documented ones, and its options reach the service.
//!
//! Nothing here reads YAML in general: the files of the add-on are flat.

use std::collections::BTreeSet;

/// The keys that an add-on must have, as Home Assistant documents them at
/// developers.home-assistant.io ("Add-on configuration", read in November 2026).
const REQUIRED: [&str; 5] = ["name", "version", "slug", "description", "arch"];
/// Those that it may have.
const OPTIONAL: &str = "\
    machine url startup webui boot ports ports_description host_network host_ipc host_dbus \
    host_pid host_uts devices homeassistant hassio_role hassio_api homeassistant_api \
    docker_api privileged full_access apparmor map environment audio video gpio usb uart \
    udev devicetree kernel_modules stdin legacy options schema image codenotary timeout \
    tmpfs discovery services auth_api ingress ingress_port ingress_entry ingress_stream \
    panel_icon panel_title panel_admin backup backup_pre backup_post backup_exclude advanced \
    stage init watchdog realtime journald breaking_versions ulimits";

/// Lines of a section, without their two spaces of indentation.
fn section<'a>(yaml: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("{name}:");
    let lines = yaml.lines().skip_while(|line| *line != start).skip(1);
    lines.map_while(|line| line.strip_prefix("  ")).collect()
}

/// The keys of lines that are not indented.
fn keys<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let keys = lines.into_iter().filter(|line| line.starts_with(|c: char| c.is_alphabetic()));
    keys.filter_map(|line| Some(line.split_once(':')?.0)).collect()
}

/// The value of a key at the top.
fn value<'a>(yaml: &'a str, key: &str) -> Option<&'a str> {
    let line = yaml.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))?;
    Some(line.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;
    use crate::sources::{manifest, read};

    fn file(name: &str) -> String {
        read(&root().unwrap().join("deploy/home-assistant").join(name)).unwrap()
    }

    #[test]
    fn its_keys_are_documented() {
        let config = file("config.yaml");
        let keys = keys(config.lines());
        for key in REQUIRED {
            assert!(keys.contains(key), "{key} is missing");
        }
        let optional: BTreeSet<_> = OPTIONAL.split(' ').collect();
        let unknown = keys.iter().find(|key| !REQUIRED.contains(key) && !optional.contains(*key));
        assert_eq!(unknown, None);
    }

    #[test]
    fn every_option_has_a_schema_a_translation_and_an_effect() {
        let config = file("config.yaml");
        let options = keys(section(&config, "options"));
        assert!(options.len() > 2, "{options:?}");
        assert_eq!(keys(section(&config, "schema")), options);
        for language in ["en", "de"] {
            let translation = file(&format!("translations/{language}.yaml"));
            assert_eq!(keys(section(&translation, "configuration")), options, "{language}");
        }
        let script = file("run.sh");
        for option in options {
            assert!(script.contains(&format!(".{option} // ")), "{option}");
            assert!(file("DOCS.md").contains(&format!("| `{option}` |")), "{option}");
        }
    }

    #[test]
    fn its_variables_are_settings() {
        let script = file("run.sh");
        let root = root().unwrap();
        let settings = ["service", "device"]
            .map(|part| read(&root.join(format!("edge/settings/src/{part}.rs"))).unwrap());
        let names = script.split("HANDFUL_").skip(1);
        let names =
            names.filter_map(|rest| rest.split(|c: char| !c.is_uppercase() && c != '_').next());
        let ours = names.filter(|name| !name.starts_with("ADDON_"));
        for name in ours.collect::<BTreeSet<_>>() {
            let is_setting = settings.concat().contains(&format!("env = \"HANDFUL_{name}\""));
            assert!(is_setting, "HANDFUL_{name} is no setting");
        }
    }

    #[test]
    fn ingress_has_its_port_and_the_version_is_ours() {
        let config = file("config.yaml");
        let port = value(&config, "ingress_port").unwrap();
        assert!(file("nginx.conf").contains(&format!("listen {port};")));
        assert!(file("nginx.conf").contains("allow 172.30.32.2;\n        deny all;"));
        let workspace = manifest(&root().unwrap()).unwrap();
        let version = workspace["workspace"]["package"]["version"].as_str();
        assert_eq!(value(&config, "version"), version);
    }

    #[test]
    fn sections_and_keys_are_read() {
        let yaml = "a: 1\nb:\n  c: 2\n  d:\n    - e\n# f: g\nh: \"3\"\n";
        assert_eq!(keys(yaml.lines()), ["a", "b", "h"].into());
        assert_eq!(keys(section(yaml, "b")), ["c", "d"].into());
        assert_eq!(value(yaml, "h"), Some("3"));
    }
}
