//! The files of the page fit together, speak the same languages and stay small.

use std::collections::BTreeSet;

use super::*;

/// What a first visit may transfer.
const LIMIT: usize = 150_000;

fn content(name: &str) -> &'static str {
    let found = FILES.iter().find(|(listed, _)| *listed == name);
    found.unwrap_or_else(|| panic!("`{name}` is not listed in FILES")).1
}

fn is_text(name: &str) -> bool {
    name.starts_with("text/")
}

/// The scripts, without the texts.
fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let scripts = FILES.iter().filter(|(name, _)| name.ends_with(".js") && !is_text(name));
    scripts.copied()
}

/// What stands between `before` and the next `after`, each time.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}

/// The keys of a language: lines that begin with `"area.what":`.
fn keys(language: &str) -> BTreeSet<&'static str> {
    let lines = content(&format!("text/{language}.js")).lines();
    let keys: Vec<_> = lines
        .filter_map(|line| line.trim_start().strip_prefix('"')?.split_once("\":"))
        .map(|(key, _)| key)
        .filter(|key| key.contains('.'))
        .collect();
    let unique: BTreeSet<_> = keys.iter().copied().collect();
    assert_eq!(unique.len(), keys.len(), "text/{language}.js has a key twice");
    unique
}

/// The keys in the markup: the values of `data-t` and of all that begins so.
fn marked() -> impl Iterator<Item = &'static str> {
    PAGE.split(" data-t").skip(1).filter_map(|rest| {
        let (attribute, value) = rest.split_once("=\"")?;
        let named = attribute.chars().all(|c| c == '-' || c.is_ascii_lowercase());
        named.then(|| value.split('"').next())?
    })
}

/// The keys that `t("…")` names in the scripts.
fn called() -> impl Iterator<Item = (&'static str, &'static str)> {
    scripts().flat_map(|(name, text)| {
        let parts: Vec<_> = text.split("t(\"").collect();
        let calls = parts.windows(2).filter(|pair| {
            // Not the end of another name, as in `get("…")`.
            !pair[0].ends_with(|c: char| c.is_ascii_alphanumeric() || "_$.".contains(c))
        });
        let keys = calls.filter_map(|pair| pair[1].split('"').next());
        keys.map(|key| (name, key)).collect::<Vec<_>>()
    })
}

#[test]
fn each_import_names_a_listed_file() {
    for (name, text) in scripts() {
        for imported in between(text, " from \"./", '"') {
            let listed = FILES.iter().any(|(listed, _)| *listed == imported);
            assert!(listed, "{name} imports {imported}, which FILES lacks");
        }
    }
    for language in LANGUAGES {
        assert!(!keys(language).is_empty(), "{language}");
    }
}

#[test]
fn the_names_are_sorted_and_each_file_is_loaded() {
    assert!(FILES.is_sorted(), "sort FILES");
    for (name, _) in FILES.iter().filter(|(name, _)| !is_text(name)) {
        let by_page = PAGE.contains(&format!("\"page/{name}\""));
        let by_script = scripts().any(|(_, text)| text.contains(&format!("\"./{name}\"")));
        assert!(by_page || by_script, "nothing loads {name}");
    }
}

#[test]
fn all_languages_have_the_same_keys() {
    for language in &LANGUAGES[1..] {
        let other = keys(language);
        let english = keys(LANGUAGES[0]);
        let missing: Vec<_> = english.difference(&other).collect();
        let extra: Vec<_> = other.difference(&english).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{language}: {missing:?}, {extra:?}");
    }
}

#[test]
fn each_key_that_is_used_exists() {
    let keys = keys("en");
    let used = called().chain(marked().map(|key| ("index.html", key)));
    let missing: Vec<_> = used.filter(|(_, key)| !keys.contains(key)).collect();
    assert!(missing.is_empty(), "no text for {missing:?}");
}

#[test]
fn each_key_is_used() {
    // A key that is put together, such as `problem.${code}`, is used by its beginning.
    let beginnings: Vec<&str> = scripts()
        .flat_map(|(_, text)| between(text, "`", '$'))
        .filter(|b| b.contains('.'))
        .collect();
    let quoted: BTreeSet<&str> = scripts().flat_map(|(_, text)| text.split('"')).collect();
    let marked: BTreeSet<&str> = marked().collect();
    let mut unused = keys("en");
    unused.retain(|key| {
        let begun = beginnings.iter().any(|beginning| key.starts_with(beginning));
        !(begun || quoted.contains(key) || marked.contains(key))
    });
    assert!(unused.is_empty(), "no use of {unused:?}");
}

#[test]
fn a_first_visit_transfers_little() {
    let names = FILES.iter().map(|(name, _)| *name);
    // A visit has one language.
    let loaded = names.filter(|name| !is_text(name) || *name == "text/de.js");
    let sent: Vec<&Sent> = loaded.map(|name| &BY_NAME[name]).chain(&*PAGES).collect();
    let plain: usize = sent.iter().map(|file| file.plain.len()).sum();
    let gzip: usize = sent.iter().map(|file| file.gzip.len()).sum();
    assert!(gzip <= LIMIT, "{gzip} bytes, {plain} before compression");
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    const NAMESPACE: &str = "http://www.w3.org/2000/svg";
    for (name, text) in FILES.iter().chain(&[("index.html", PAGE)]) {
        let text = text.replace(NAMESPACE, "");
        assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
    }
}

#[test]
fn the_page_speaks_the_language_that_is_preferred() {
    for (accepted, expected) in [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, DE;q=0.3", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("en;q=0.5, de;q=0.7", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("fr", "en"),
        ("*", "en"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
        assert_eq!(LANGUAGES[language(&headers)], expected, "{accepted}");
    }
    assert_eq!(PAGE.matches(NAMED).count(), 1);
    for (page, language) in PAGES.iter().zip(LANGUAGES) {
        let page = std::str::from_utf8(&page.plain).unwrap();
        assert!(page.contains(&format!("<html lang=\"{language}\">")));
    }
}

#[test]
fn what_is_compressed_is_the_same() {
    let mut read = String::new();
    let file = &BY_NAME["main.js"];
    let mut unpacked = flate2::read::GzDecoder::new(&*file.gzip);
    std::io::Read::read_to_string(&mut unpacked, &mut read).unwrap();
    assert_eq!(read.as_bytes(), &*file.plain);
    for (accepted, expected) in [
        ("", false),
        ("gzip, deflate, br", true),
        ("br;q=1, gzip;q=0.2", true),
        ("gzip;q=0", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
        assert_eq!(accepts_gzip(&headers), expected, "{accepted}");
    }
}
