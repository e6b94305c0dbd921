//! What a check of the examples of a class has found.

/// A class whose examples were left out one by one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedClass {
    /// The position of the class among those that can be recognized.
    pub(crate) at: usize,
    /// How many of its examples were compared with each other: all, or of many a sample.
    pub(crate) sampled: usize,
    /// In the order of enrollment, one for each different example. There is none if all others of
    /// the class are near-duplicates of the example, or if there is no other class.
    pub(crate) margins: Vec<Margin>,
    /// Examples that have near-duplicates among the different ones enrolled earlier, in the order
    /// of enrollment.
    pub(crate) duplicates: Vec<Duplicate>,
    /// The position of each different example in its class, and that of the best other class, as in
    /// a margin; also of examples that have no margin, since the others are near-duplicates.
    pub(crate) rivals: Vec<(usize, usize)>,
}

/// How an example compares with its class and with the others, as if it and its near-duplicates
/// were not enrolled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margin {
    /// The position of the example in its class.
    pub(crate) example: usize,
    /// How much higher its class ranks than the best other one: a difference of cosines. It is
    /// recognized if that is positive.
    pub(crate) value: f32,
    /// The position of the best other class among those that can be recognized.
    pub(crate) rival: usize,
    /// The cosine to the most similar other example of its class that is no near-duplicate.
    pub(crate) nearest: Option<f32>,
}

/// An example that shows nearly what an earlier one of its class shows, which is no duplicate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Duplicate {
    /// The position of the example in its class.
    pub(crate) example: usize,
    /// That of the earlier one.
    pub(crate) of: usize,
    /// Their cosine.
    pub(crate) similarity: f32,
}

/// An example: the position of its class among those that can be recognized, and its own there.
pub(crate) type At = (usize, usize);

/// Two examples of two classes that show the same or nearly the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shared {
    /// That of the class that is first in the order of labels.
    pub(crate) first: At,
    pub(crate) second: At,
    /// Their cosine.
    pub(crate) similarity: f32,
}

impl CheckedClass {
    /// How many of the examples that were compared are different: no duplicates.
    pub(crate) fn different(&self) -> usize {
        self.sampled - self.duplicates.len()
    }

    /// Whether the example at a position in the class is a duplicate.
    pub(crate) fn is_duplicate(&self, example: usize) -> bool {
        self.duplicates.binary_search_by_key(&example, |duplicate| duplicate.example).is_ok()
    }

    /// How many of the different examples are recognized.
    pub(crate) fn right(&self) -> usize {
        self.margins.iter().filter(|margin| margin.is_right()).count()
    }

    /// The example that is the closest to another class.
    pub(crate) fn weakest(&self) -> Option<&Margin> {
        self.margins.iter().min_by(|a, b| a.value.total_cmp(&b.value))
    }
}

impl Margin {
    /// Whether the example is recognized.
    pub(crate) fn is_right(&self) -> bool {
        self.value > 0.0
    }
}
