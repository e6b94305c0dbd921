//! Statistics: mean and standard deviation of every base class and attribute (method of the paper, step 3).

use anyhow::Result;
use models::dataset::{Dataset, Split};
use models::disk;
use models::few_shot::statistics::{self, Statistics, Std, Table};
use models::knowledge::attributes::Knowledge;

use crate::embeddings::embeddings;
use crate::error::BadInput;
use crate::net::Compute;
use crate::run::Run;

/// Measures the base classes with the best checkpoint and writes `statistics.safetensors`.
pub fn statistics(run: &Run, dataset: &Dataset, std: Std, compute: Compute) -> Result<Statistics> {
    let statistics = measure(run, dataset, std, compute)?;
    disk::write(&run.file("statistics.safetensors"), &statistics.to_bytes()?)?;
    Ok(statistics)
}

/// The moments of the base classes and of their attributes, from cached embeddings.
pub fn measure(run: &Run, dataset: &Dataset, std: Std, compute: Compute) -> Result<Statistics> {
    let checkpoint = run.read(&run.best())?;
    let (knowledge, _) = run.knowledge()?;
    let base = dataset.split(Split::Base);
    let names: Vec<String> = base.iter().map(|class| class.name.clone()).collect();
    let relation = relation(&knowledge, &names)?;
    let rows = embeddings(run, &checkpoint, dataset, Split::Base, compute)?;
    let size = checkpoint.architecture.embedding_size();
    let classes = statistics::classes(&rows);
    let attributes = statistics::attributes(&classes, &relation)?;
    let wnids = knowledge.attributes.iter().map(|a| a.wnid.to_string()).collect();
    Ok(Statistics {
        space_id: checkpoint.space_id()?,
        std,
        attributes: Table::new(wnids, &attributes, std, size),
        classes: Table::new(names, &classes, std, size),
    })
}

/// Of each attribute the positions of the base classes that have it.
fn relation(knowledge: &Knowledge, names: &[String]) -> Result<Vec<Vec<usize>>> {
    let of_classes = knowledge.attributes_of_classes();
    let mut relation = vec![Vec::new(); knowledge.attributes.len()];
    for (class, name) in names.iter().enumerate() {
        let known = knowledge.classes.iter().position(|known| known.name == *name);
        let known = known.ok_or_else(|| BadInput(unknown(name)))?;
        of_classes[known].iter().for_each(|&attribute| relation[attribute].push(class));
    }
    Ok(relation)
}

/// What to say of a class that knowledge does not have.
pub(super) fn unknown(class: &str) -> String {
    format!(
        "knowledge.json has no class `{class}`: make it again with handful-train knowledge and the same data"
    )
}
