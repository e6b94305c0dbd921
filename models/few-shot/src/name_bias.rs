//! Name bias: an addend for the similarity of classes that have a name but no example image.
//!
//! Images are farther from a semantic prototype than from one of images, so that classes without
//! images would hardly ever be the answer. The addend is calibrated stacking (Chao et al. 2016, "An
//! Empirical Study and Analysis of Generalized Zero-Shot Learning"), measured on base classes.

use std::collections::BTreeMap;

/// The addend for classes without images, by the usual number of images of the other classes.
///
/// # Examples
/// ```
/// use few_shot::name_bias::NameBias;
///
/// let name_bias = NameBias::from([(1, 0.05), (5, 0.1)]);
/// assert_eq!(name_bias.at_shots(3), 0.05);
/// assert_eq!(name_bias.at_shots(0), 0.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NameBias(BTreeMap<usize, f32>);

impl NameBias {
    /// The addend where the other classes have `k_shot` images: the one measured at the largest
    /// number of shots up to `k_shot`, or else at the smallest. 0 where nothing was measured or
    /// `k_shot` is 0.
    pub fn at_shots(&self, k_shot: usize) -> f32 {
        if k_shot == 0 {
            // No class has images: there is nothing to compensate.
            return 0.0;
        }
        let below = self.0.range(..=k_shot).next_back();
        below.or_else(|| self.0.first_key_value()).map_or(0.0, |(_, &addend)| addend)
    }

    /// The addend in a gallery whose `classes` with images have this number of `images` together:
    /// that of the mean number, rounded down. It was measured in episodes whose classes all have
    /// one number of images, but classes of a gallery have different numbers.
    pub fn of_gallery(&self, images: usize, classes: usize) -> f32 {
        self.at_shots(images.checked_div(classes).unwrap_or(0))
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Numbers of shots and their addends, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        self.0.iter().map(|(&k_shot, &addend)| (k_shot, addend))
    }
}

impl FromIterator<(usize, f32)> for NameBias {
    fn from_iter<I: IntoIterator<Item = (usize, f32)>>(addends: I) -> Self {
        Self(addends.into_iter().collect())
    }
}

impl<const N: usize> From<[(usize, f32); N]> for NameBias {
    fn from(addends: [(usize, f32); N]) -> Self {
        Self(addends.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_bias_is_that_of_the_nearest_number_of_shots_below() {
        let name_bias = NameBias::from([(2, 0.1), (5, 0.2)]);
        assert_eq!(
            [0, 1, 2, 4, 5, 99].map(|k_shot| name_bias.at_shots(k_shot)),
            [0.0, 0.1, 0.1, 0.1, 0.2, 0.2]
        );
        assert_eq!(NameBias::default().at_shots(5), 0.0);
    }
}
