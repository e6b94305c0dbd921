//! Folders as people send them, and what every program must make of them: the same classes with the
//! same images, the same list of what is left out, or the same refusal.

use std::fs;
use std::path::Path;

/// A folder and what must come of it.
pub(crate) struct Sent {
    pub(crate) name: &'static str,
    /// Paths of files; `mug/*` is four images, a path that ends in `/` an empty folder.
    pub(crate) paths: &'static [&'static str],
    pub(crate) expected: Outcome,
}

/// What every program must make of a folder.
pub(crate) enum Outcome {
    Read {
        /// Names of classes and numbers of their images, sorted.
        classes: &'static [(&'static str, usize)],
        /// Those of the base split.
        base: &'static [&'static str],
        /// Paths of what is left out, sorted.
        left_out: &'static [&'static str],
    },
    /// Words of the one line that refuses it.
    Refused(&'static [&'static str]),
}

use Outcome::{Read, Refused};

/// Images of a path that ends in `/*`.
const IMAGES: usize = 4;

pub(crate) const SENT: &[Sent] = &[
    Sent {
        name: "a folder per class",
        paths: &["mug/*", "key/*"],
        expected: Read { classes: &[("key", 4), ("mug", 4)], base: &["key", "mug"], left_out: &[] },
    },
    Sent {
        name: "two folders around everything",
        paths: &["photos/photos/mug/*", "photos/photos/key/*"],
        expected: Read { classes: &[("key", 4), ("mug", 4)], base: &["key", "mug"], left_out: &[] },
    },
    Sent {
        name: "junk of macOS",
        paths: &[
            "mug/*",
            "key/*",
            "__MACOSX/mug/._0.png",
            "mug/.DS_Store",
            "mug/._0.png",
            ".Spotlight-V100/Store/a.png",
            ".Trashes/501/a.png",
            ".fseventsd/no_log",
        ],
        expected: Read {
            classes: &[("key", 4), ("mug", 4)],
            base: &["key", "mug"],
            left_out: &[
                ".Spotlight-V100",
                ".Trashes",
                ".fseventsd",
                "__MACOSX",
                "mug/.DS_Store",
                "mug/._0.png",
            ],
        },
    },
    Sent {
        name: "junk of Windows, in a folder around everything",
        paths: &[
            "my photos/mug/*",
            "my photos/key/*",
            "my photos/mug/Thumbs.db",
            "my photos/mug/desktop.ini",
            "my photos/$RECYCLE.BIN/S-1-5/a.png",
            "my photos/System Volume Information/a.png",
        ],
        expected: Read {
            classes: &[("key", 4), ("mug", 4)],
            base: &["key", "mug"],
            left_out: &[
                "my photos/$RECYCLE.BIN",
                "my photos/System Volume Information",
                "my photos/mug/Thumbs.db",
                "my photos/mug/desktop.ini",
            ],
        },
    },
    Sent {
        name: "junk of editors and tools",
        paths: &[
            "mug/*",
            "key/*",
            "mug/.ipynb_checkpoints/0-checkpoint.png",
            ".ipynb_checkpoints/a.png",
            ".git/objects/a.png",
            ".idea/workspace.xml",
            ".vscode/settings.json",
            "mug/0.png~",
            "mug/.0.png.swp",
        ],
        expected: Read {
            classes: &[("key", 4), ("mug", 4)],
            base: &["key", "mug"],
            left_out: &[
                ".git",
                ".idea",
                ".ipynb_checkpoints",
                ".vscode",
                "mug/.0.png.swp",
                "mug/.ipynb_checkpoints",
                "mug/0.png~",
            ],
        },
    },
    Sent {
        name: "junk of network storages",
        paths: &[
            "mug/*",
            "key/*",
            "@eaDir/mug/SYNOPHOTO_THUMB_M.jpg",
            "mug/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg",
            "#recycle/a.png",
            "mug/.@__thumb/0.png",
            "@Recycle/a.png",
            ".snapshot/daily/mug/0.png",
        ],
        expected: Read {
            classes: &[("key", 4), ("mug", 4)],
            base: &["key", "mug"],
            left_out: &[
                "#recycle",
                ".snapshot",
                "@Recycle",
                "@eaDir",
                "mug/.@__thumb",
                "mug/@eaDir",
            ],
        },
    },
    Sent {
        name: "folders and files without an image",
        paths: &["mug/*", "key/*", "hollow/", "texts/a/notes.txt", "mug/a.heic", "stray.png"],
        expected: Read {
            classes: &[("key", 4), ("mug", 4)],
            base: &["key", "mug"],
            left_out: &["hollow", "mug/a.heic", "stray.png", "texts", "texts/a/notes.txt"],
        },
    },
    Sent {
        name: "folders within the folder of a class",
        paths: &["mug/*", "mug/red/*", "mug/red/small/*", "key/images/*"],
        expected: Read {
            classes: &[("key", 4), ("mug", 12)],
            base: &["key", "mug"],
            left_out: &[],
        },
    },
    Sent {
        name: "splits with other names",
        paths: &[
            "Training/cup/*",
            "Training/mug/*",
            "VALIDATION/fob/*",
            "VALIDATION/key/*",
            "test_set/pen/*",
        ],
        expected: Read {
            classes: &[("cup", 4), ("fob", 4), ("key", 4), ("mug", 4), ("pen", 4)],
            base: &["cup", "mug"],
            left_out: &[],
        },
    },
    Sent {
        name: "a class that is called as a split is",
        paths: &["test/*", "mug/*"],
        expected: Read {
            classes: &[("mug", 4), ("test", 4)],
            base: &["mug", "test"],
            left_out: &[],
        },
    },
    Sent {
        name: "an ordinary split of the same classes",
        paths: &["capital/Train/mug/*", "capital/Train/key/*", "capital/Test/mug/*"],
        expected: Refused(&[
            "`capital/Test`, `capital/Train`",
            "`mug`",
            "instance `capital/Train`",
        ]),
    },
    Sent {
        name: "an ordinary split with names that no rule knows",
        paths: &["fold1/mug/*", "fold1/key/*", "fold2/mug/*", "fold2/key/*"],
        expected: Refused(&["`fold1`, `fold2`", "`key`, `mug`", "give one folder"]),
    },
    Sent {
        name: "an ordinary split with every folder twice",
        paths: &[
            "seg_train/seg_train/a/*",
            "seg_train/seg_train/b/*",
            "seg_test/seg_test/a/*",
            "seg_test/seg_test/b/*",
        ],
        expected: Refused(&["`a`, `b`", "give one folder, for instance `seg_train/seg_train`"]),
    },
    Sent {
        name: "splits without classes",
        paths: &["Train/*", "Val/*"],
        expected: Refused(&["`Train`, `Val`", "`Train/CLASS/IMAGE`", "manifest.csv"]),
    },
    Sent {
        name: "folders of folders of classes",
        paths: &["animals/cat/*", "animals/dog/*", "fruit/fig/*", "fruit/pear/*"],
        expected: Refused(&["`animals`", "`animals/cat`, `animals/dog`", "move them up"]),
    },
    Sent {
        name: "a folder that is called images",
        paths: &["photos/images/*"],
        expected: Refused(&["`photos/images`", "rename the folder"]),
    },
    Sent {
        name: "names that differ in case",
        paths: &["Mug/*", "mug/*"],
        expected: Refused(&["`Mug` and `mug`", "rename"]),
    },
    Sent {
        name: "names that differ in the form of an accent",
        paths: &["cafe\u{301}/*", "caf\u{e9}/*"],
        expected: Refused(&["same name", "rename"]),
    },
    Sent {
        name: "only junk",
        paths: &["mug/Thumbs.db", "__MACOSX/mug/._0.png"],
        expected: Refused(&["no images", "mug/Thumbs.db (left by Windows)", "__MACOSX"]),
    },
];

impl Sent {
    /// The files, each with its bytes; `image` draws the image of a number.
    pub(crate) fn files(&self, image: &dyn Fn(usize) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for path in self.paths {
            if let Some(folder) = path.strip_suffix('*') {
                for i in 0..IMAGES {
                    files.push((format!("{folder}{i}.png"), image(files.len())));
                }
            } else if !path.ends_with('/') {
                files.push(((*path).to_owned(), b"no image".to_vec()));
            }
        }
        files
    }

    /// Writes the folder.
    pub(crate) fn write(&self, root: &Path, image: &dyn Fn(usize) -> Vec<u8>) {
        for (path, bytes) in self.files(image) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        for path in self.paths.iter().filter(|path| path.ends_with('/')) {
            fs::create_dir_all(root.join(path)).unwrap();
        }
    }
}
