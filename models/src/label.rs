//! Class names as people see them: what makes two spellings the same.

use unicode_normalization::UnicodeNormalization;

/// The form in which class names are compared: NFKC, without case and invisible characters, with
/// single spaces. Data sets and galleries use the same one.
///
/// # Examples
/// ```
/// use models::label::folded;
///
/// assert_eq!(folded("Coffee \u{200B} MUG"), folded("coffee mug"));
/// assert_eq!(folded("Straße"), folded("STRASSE"));
/// ```
#[must_use]
pub fn folded(name: &str) -> String {
    // By way of upper case, in which `ß` is `SS`: only lower case would keep it apart from `ss`.
    let upper = name.nfkc().flat_map(char::to_uppercase);
    let lower = upper.flat_map(char::to_lowercase);
    let plain: String = lower.filter(|&c| !is_invisible(c)).nfkc().collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character takes no room: the property `Default_Ignorable_Code_Point` of Unicode.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}'
    ) || matches!(c, '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}')
        || matches!(c, '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}')
        || matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}')
        || matches!(c, '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}')
        || matches!(c, '\u{E0000}'..='\u{E0FFF}')
}
