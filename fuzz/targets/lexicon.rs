//! A lexicon, and all that a device asks of it. The hash is made right: only the content is hostile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use models::knowledge::lexicon::Lexicon;
use sha2::{Digest, Sha256};

const HEAD: &[u8; 12] = b"HANDFLEX\x01\x00\x00\x00";

fuzz_target!(|bytes: &[u8]| {
    // Seeds are whole files.
    let content = bytes.strip_prefix(HEAD).and_then(|rest| rest.get(32..)).unwrap_or(bytes);
    let file = [&HEAD[..], &Sha256::digest(content)[..], content].concat();
    let Ok(lexicon) = Lexicon::parse(&file) else { return };
    for noun in lexicon.search("", 8).iter().map(String::as_str).chain(["mug", "coffee mug"]) {
        for id in lexicon.senses(noun) {
            let _ = (lexicon.synset(id), lexicon.attributes(id), lexicon.descriptor(id));
        }
    }
});
