//! Statistics: mean and standard deviation of every base class and attribute (step 3 of the paper).

use anyhow::Result;
use few_shot::fit::statistics::{self, Statistics, Std, Table};
use models::checkpoint::Checkpoint;
use models::dataset::Dataset;
use models::disk;
use models::knowledge::attributes::Knowledge;

use super::class_source::{BaseEmbeddings, ClassSource, Exclusion, base_embeddings, unknown};
use crate::net::Compute;
use crate::run::Run;

/// Measures the base classes with the best checkpoint and writes `statistics.safetensors`.
///
/// # Errors
/// Those of [`base_embeddings`], and a failed write.
pub fn statistics(
    run: &Run,
    dataset: &Dataset,
    std: Std,
    class_source: ClassSource,
    exclusion: Exclusion,
    compute: Compute,
) -> Result<Statistics> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, _) = run.knowledge()?;
    let base = base_embeddings(run, &checkpoint, dataset, class_source, exclusion, compute)?;
    let statistics = measure(&checkpoint, &knowledge, &base, std)?;
    disk::write(&run.file("statistics.safetensors"), &statistics.to_bytes()?)?;
    Ok(statistics)
}

/// The moments of base classes and of their attributes.
pub fn measure(
    checkpoint: &Checkpoint,
    knowledge: &Knowledge,
    base: &BaseEmbeddings,
    std: Std,
) -> Result<Statistics> {
    let relation = relation(knowledge, &base.names)?;
    let size = checkpoint.architecture.embedding_size();
    // Attributes are computed from the moments of classes: images are read once.
    let classes = statistics::classes(&base.embeddings);
    let attributes = statistics::attributes(&classes, &relation)?;
    let wnids = knowledge.attributes.iter().map(|a| a.wnid.to_string()).collect();
    Ok(Statistics {
        space_id: checkpoint.space_id()?,
        std,
        attributes: Table::new(wnids, &attributes, std, size),
        classes: Table::new(base.names.clone(), &classes, std, size),
    })
}

/// For each attribute, the positions of the base classes that have it.
fn relation(knowledge: &Knowledge, names: &[String]) -> Result<Vec<Vec<usize>>> {
    let of_classes = knowledge.attributes_of_classes();
    let mut relation = vec![Vec::new(); knowledge.attributes.len()];
    for (class, name) in names.iter().enumerate() {
        let known = knowledge.classes.iter().position(|known| known.name == *name);
        let known = known.ok_or_else(|| unknown(name))?;
        of_classes[known].iter().for_each(|&attribute| relation[attribute].push(class));
    }
    Ok(relation)
}
