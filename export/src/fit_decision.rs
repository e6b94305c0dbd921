//! Fits the decision of a bundle on base classes, and puts it into the bundle.
//!
//! The base classes of each data set are embedded with the bundle's own network. The background are
//! the classifier's rows that the bundle's name regressor was fitted to.

use std::path::Path;

use edge::embedder::Embedder;
use edge::evaluate::{EvaluateError, descriptors, embed_classes};
use edge::lexicon::{NameKnowledge, NameKnowledgeError};
use few_shot::decision::DecisionModel;
use few_shot::decision::background::Background;
use few_shot::decision::file::DecisionError;
use few_shot::fit::decision_fit::{
    self, BaseSet, DecisionFit, DecisionFitError, MAX_IMAGES, NameConstants, Progress, SetFigures,
};
use few_shot::fit::kernel_classes::KernelClasses;
use models::bundle::{self, Bundle, BundleError, FileEntry};
use models::dataset::{Class, Dataset, DatasetError, Half, Split};
use models::disk::{self, DiskError};
use models::fault::{Blame, Fault};
use models::knowledge::descriptor::SemanticDescriptor;
use models::knowledge::lexicon;
use ndarray::{Array1, Array2, Axis};

use crate::run::DECISION;

/// Why no decision was fitted, or none was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A data set cannot be read, or has no base classes.
    #[error("{}: {source}", name)]
    Dataset {
        /// The data set.
        name: String,
        /// The reason.
        source: DatasetError,
    },
    /// The name knowledge of the bundle cannot be used.
    #[error(transparent)]
    Knowledge(#[from] NameKnowledgeError),
    /// An image cannot be embedded.
    #[error("{}: {source}", name)]
    Embed {
        /// The data set.
        name: String,
        /// The reason.
        source: Box<EvaluateError>,
    },
    /// The classes are too few.
    #[error(transparent)]
    Fit(#[from] DecisionFitError),
    /// The decision cannot be written into its file.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The lexicon cannot be copied.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Fault for FitError {
    fn blame(&self) -> Blame {
        match self {
            Self::Embed { source, .. } => source.blame(),
            Self::Bundle(error) => error.blame(),
            Self::Disk(error) => error.blame(),
            Self::Dataset { .. } | Self::Knowledge(_) | Self::Fit(_) | Self::Decision(_) => {
                Blame::Input
            }
        }
    }
}

/// A data set with a name for people.
#[derive(Debug)]
pub struct NamedDataset {
    /// The name.
    pub name: String,
    /// Its classes and images.
    pub dataset: Dataset,
}

/// Embedded base classes, and what galleries of them need.
#[derive(Debug)]
pub struct FitInputs {
    /// Those that the fit uses.
    pub sets: Vec<BaseSet>,
    /// Those that are held out.
    pub held_out: Vec<BaseSet>,
    knowledge: Option<NameKnowledge>,
    background: Background<f32>,
}

/// A fitted decision, and how it does on classes that are held out.
#[derive(Debug)]
pub struct FittedDecision {
    /// The fit.
    pub fit: DecisionFit,
    /// Figures of the classes that are held out, by data set.
    pub held_out: Vec<SetFigures>,
}

/// The base classes of a data set, and what their names are described by.
struct BaseClasses<'a> {
    name: &'a str,
    dataset: &'a Dataset,
    classes: Vec<&'a Class>,
    descriptors: Option<Vec<SemanticDescriptor>>,
}

impl FitInputs {
    /// Embeds at most [`MAX_IMAGES`] images of each base class of these data sets. The half
    /// `hold_out` of the classes is kept for figures. `progress` is called with the number of
    /// embedded images and that of all images.
    ///
    /// # Errors
    /// [`FitError`]; a data set without enough base classes is refused before images are embedded.
    pub fn embed(
        embedder: &mut Embedder,
        bundle: &Bundle,
        datasets: &[NamedDataset],
        hold_out: Option<Half>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, FitError> {
        let knowledge = NameKnowledge::open(bundle)?;
        let base = datasets.iter().map(|dataset| BaseClasses::of(dataset, knowledge.as_ref()));
        let base: Vec<BaseClasses<'_>> = base.collect::<Result<_, FitError>>()?;
        base.iter().try_for_each(|base| base.check(hold_out))?;
        let kernel = knowledge.as_ref().map(|knowledge| KernelClasses::of(knowledge.regressor()));
        let mut inputs = Self {
            sets: Vec::new(),
            held_out: Vec::new(),
            background: background(bundle, kernel.as_ref(), &base),
            knowledge,
        };
        let total: usize = base.iter().map(BaseClasses::images).sum();
        let mut before = 0;
        for base in &base {
            let all =
                base.embed(embedder, kernel.as_ref(), &mut |done| progress(before + done, total))?;
            before += base.images();
            inputs.sets.push(half(&all, hold_out.map(Half::other)));
            inputs.held_out.extend(hold_out.map(|held_out| half(&all, Some(held_out))));
        }
        Ok(inputs)
    }

    /// Fits the decision, and measures it on the classes that are held out.
    ///
    /// # Errors
    /// Too few classes.
    pub fn fitted(&self, seed: u64, progress: Progress<'_>) -> Result<FittedDecision, FitError> {
        let fit = decision_fit::fit(&self.sets, self.names(), &self.background, seed, progress)?;
        let held_out = match self.held_out.is_empty() {
            true => Vec::new(),
            false => {
                decision_fit::figures(&self.held_out, self.names(), &fit.model, seed, progress)?
            }
        };
        Ok(FittedDecision { fit, held_out })
    }

    fn names(&self) -> Option<NameConstants<'_>> {
        let knowledge = self.knowledge.as_ref()?;
        Some(NameConstants { frame: knowledge.frame(), name_bias: knowledge.name_bias() })
    }
}

impl<'a> BaseClasses<'a> {
    fn of(
        NamedDataset { name, dataset }: &'a NamedDataset,
        knowledge: Option<&NameKnowledge>,
    ) -> Result<Self, FitError> {
        let classes = dataset.filled_split(Split::Base);
        let classes = classes.map_err(|source| FitError::Dataset { name: name.clone(), source })?;
        let descriptors = knowledge.map(|knowledge| descriptors(&classes, knowledge));
        Ok(Self { name, dataset, classes, descriptors })
    }

    /// Whether the classes that the fit uses are enough, and those that are held out.
    fn check(&self, hold_out: Option<Half>) -> Result<(), FitError> {
        let sizes: Vec<usize> = self.classes.iter().map(|class| class.images.len()).collect();
        let parts = match hold_out {
            None => vec![sizes],
            Some(half) => vec![half.of(sizes.clone()), half.other().of(sizes)],
        };
        parts.into_iter().try_for_each(|part| decision_fit::check(self.name, part))?;
        Ok(())
    }

    /// How many are embedded.
    fn images(&self) -> usize {
        self.classes.iter().map(|class| class.images.len().min(MAX_IMAGES)).sum()
    }

    fn embed(
        &self,
        embedder: &mut Embedder,
        kernel: Option<&KernelClasses>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<BaseSet, FitError> {
        let Self { name, dataset, classes, descriptors } = self;
        let count = &mut |done, _| progress(done);
        let embeddings =
            embed_classes(embedder, dataset, classes, MAX_IMAGES, count).map_err(|source| {
                FitError::Embed { name: (*name).to_owned(), source: Box::new(source) }
            })?;
        // Without another class to learn a name from, galleries have images only.
        let semantic = kernel.zip(descriptors.as_ref());
        let semantic = semantic.and_then(|(kernel, descriptors)| kernel.left_out(descriptors));
        Ok(BaseSet { name: (*name).to_owned(), embeddings, semantic })
    }
}

/// The rows of the classifier that the name regressor was fitted to.
fn background(
    bundle: &Bundle,
    kernel: Option<&KernelClasses>,
    base: &[BaseClasses<'_>],
) -> Background<f32> {
    let Some(kernel) = kernel else {
        let size = bundle.manifest.backbone.embedding_size;
        return Background::none(Array1::zeros(size));
    };
    // The regressor learned from the images of one of the data sets first, if of any.
    let descriptors = base.iter().filter_map(|base| base.descriptors.as_ref());
    let with_images = descriptors.map(|descriptors| kernel.leading(descriptors)).max();
    kernel.background(with_images.unwrap_or(0))
}

/// The classes of one half, or all of them.
fn half(all: &BaseSet, half: Option<Half>) -> BaseSet {
    let Some(half) = half else { return all.clone() };
    let classes = half.of(0..all.embeddings.len());
    let select = |rows: &Array2<f32>| rows.select(Axis(0), &classes);
    BaseSet {
        name: all.name.clone(),
        embeddings: classes.iter().map(|&class| all.embeddings[class].clone()).collect(),
        semantic: all.semantic.as_ref().map(select),
    }
}

/// Writes the bundle with this decision at `out`: whole, or not at all. All other files stay as
/// they are. If `out` is another place, the lexicon is copied next to it.
///
/// # Errors
/// [`FitError`]; then `out` is unchanged.
pub fn write(bundle: &Bundle, model: &DecisionModel<f32>, out: &Path) -> Result<(), FitError> {
    let mut manifest = bundle.manifest.clone();
    let mut files = bundle.files().clone();
    let bytes = model.to_bytes(&manifest.space_id)?;
    manifest.decision = Some(DECISION.to_owned());
    manifest.files.insert(DECISION.to_owned(), FileEntry::of(&bytes));
    files.insert(DECISION.to_owned(), bytes);
    bundle::check_place(out)?;
    // The lexicon comes first, so that no bundle ever names a lexicon that is missing.
    copy_lexicon(bundle, out)?;
    Ok(bundle::write(out, &manifest, &files)?)
}

fn copy_lexicon(bundle: &Bundle, out: &Path) -> Result<(), FitError> {
    let Some(knowledge) = &bundle.manifest.knowledge else { return Ok(()) };
    let place = out.with_file_name(&knowledge.lexicon.file);
    // Do not touch a file that running devices may have open.
    let found = disk::read(&place, lexicon::MAX_BYTES).ok();
    if found.is_some_and(|bytes| FileEntry::of(&bytes).sha256 == knowledge.lexicon.sha256) {
        return Ok(());
    }
    let Some(bytes) = bundle.lexicon()? else { return Ok(()) };
    if let Some(folder) = place.parent() {
        disk::create_folder(folder)?;
    }
    Ok(disk::write(&place, &bytes)?)
}
