//! The nouns of the lexicon: their senses, and those that complete a text that is being typed.

use super::error::RecognizerError;
use super::{Recognizer, Senses};

impl Recognizer {
    /// The WordNet senses of a noun; none if the lexicon does not have it.
    ///
    /// # Errors
    /// [`RecognizerError::NoNameKnowledge`].
    pub fn senses(&self, noun: &str) -> Result<Senses, RecognizerError> {
        let names = self.name_knowledge.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
        let found = names.look_up(noun);
        let default_sense = found.as_ref().and_then(|found| found.default_sense);
        let senses = found.into_iter().flat_map(|found| found.senses);
        let senses = senses.filter_map(|synset| names.sense(synset)).collect();
        Ok(Senses { noun: noun.to_owned(), default_sense, senses })
    }

    /// The nouns of the lexicon that begin with this text, at most `limit`.
    ///
    /// # Errors
    /// [`RecognizerError::NoNameKnowledge`].
    pub fn completions(
        &self,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<String>, RecognizerError> {
        let names = self.name_knowledge.as_ref().ok_or(RecognizerError::NoNameKnowledge)?;
        Ok(names.completions(beginning, limit))
    }
}
