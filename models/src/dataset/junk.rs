//! Files and folders that systems and programs leave beside images.

use super::left_out::Reason;

/// Names of macOS, in lower case.
const MACOS: &[&str] = &[
    "__macosx",
    ".ds_store",
    ".spotlight-v100",
    ".trashes",
    ".fseventsd",
    ".temporaryitems",
    ".documentrevisions-v100",
    ".volumeicon.icns",
    ".localized",
    ".apdisk",
    ".lsoverride",
    ".appledouble",
    ".appledb",
    ".appledesktop",
    "icon\r",
    "network trash folder",
    "temporary items",
];

/// Names of Windows, in lower case.
const WINDOWS: &[&str] = &[
    "thumbs.db",
    "thumbs.db:encryptable",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "iconcache.db",
    "picasa.ini",
    "$recycle.bin",
    "system volume information",
    "wpsettings.dat",
];

/// Names of editors, of version control and of Linux desktops, in lower case.
const TOOLS: &[&str] = &[
    ".ipynb_checkpoints",
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitkeep",
    ".svn",
    ".hg",
    ".bzr",
    ".dvc",
    ".idea",
    ".vscode",
    ".vs",
    ".venv",
    "__pycache__",
    "node_modules",
    ".directory",
    ".thumbnails",
    ".nomedia",
    "lost+found",
];

/// Names of network storages, in lower case.
const NAS: &[&str] = &[
    "@eadir",
    "@tmp",
    "@sharebin",
    "@synoresource",
    "synoresource",
    "#recycle",
    "#snapshot",
    "@recycle",
    "@recently-snapshot",
    ".@__thumb",
    ".@__qini",
    ".streams",
    ".snapshot",
    ".snapshots",
    "~snapshot",
    ".zfs",
    ".wdmc",
];

/// What leaves a file or folder of this name behind; `None` if it may belong to the data set.
pub(super) fn left_by(name: &str) -> Option<Reason> {
    let lower = name.to_lowercase();
    let lower = lower.as_str();
    if MACOS.contains(&lower) || lower.starts_with("._") {
        return Some(Reason::MacOs);
    }
    if WINDOWS.contains(&lower) || lower.starts_with("~$") || lower.ends_with(":zone.identifier") {
        return Some(Reason::Windows);
    }
    if NAS.contains(&lower) || lower.ends_with("@synoeastream") || lower.ends_with("@synoresource")
    {
        return Some(Reason::NetworkStorage);
    }
    if TOOLS.contains(&lower) || is_of_tool(lower) {
        return Some(Reason::Tool);
    }
    lower.starts_with('.').then_some(Reason::Hidden)
}

/// Whether editors and desktops make such names: backups, swap files, locks, trash.
fn is_of_tool(lower: &str) -> bool {
    let extension = lower.rsplit_once('.').map_or("", |(_, extension)| extension);
    lower.ends_with('~')
        || matches!(extension, "swp" | "swo" | "swn")
        || (lower.len() > 1 && lower.starts_with('#') && lower.ends_with('#'))
        || [".#", ".trash", ".~lock.", ".nfs", ".fuse_hidden"]
            .iter()
            .any(|start| lower.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_maker_is_recognized_and_no_class_is() {
        let made = [
            ("__MACOSX", Reason::MacOs),
            ("._0.jpg", Reason::MacOs),
            (".DS_Store", Reason::MacOs),
            ("THUMBS.DB", Reason::Windows),
            ("$RECYCLE.BIN", Reason::Windows),
            ("System Volume Information", Reason::Windows),
            ("@eaDir", Reason::NetworkStorage),
            ("#recycle", Reason::NetworkStorage),
            (".@__thumb", Reason::NetworkStorage),
            ("~snapshot", Reason::NetworkStorage),
            (".ipynb_checkpoints", Reason::Tool),
            ("0.jpg~", Reason::Tool),
            (".0.jpg.swp", Reason::Tool),
            ("#0.jpg#", Reason::Tool),
            (".Trash-1000", Reason::Tool),
            (".thumb", Reason::Hidden),
        ];
        for (name, reason) in made {
            assert_eq!(left_by(name), Some(reason), "{name}");
        }
        for name in ["mug", "recycle", "#1", "@home", "git", "#", "Icon", "a.b", "thumbs"] {
            assert_eq!(left_by(name), None, "{name}");
        }
    }
}
