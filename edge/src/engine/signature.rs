//! The inputs of a network, checked in one place for every engine.

use models::graph::Shape;
use ndarray::ArrayViewD;

use super::error::EngineError;
use super::model::Model;

/// The inputs of a network and its largest batch.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    inputs: Vec<(String, Shape)>,
    max_batch: usize,
}

impl Signature {
    pub(super) fn of(model: &Model) -> Self {
        Self { inputs: model.inputs.to_vec(), max_batch: model.max_batch }
    }

    pub(super) fn inputs(&self) -> &[(String, Shape)] {
        &self.inputs
    }

    /// The given inputs in the order of the network, and their batch.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if names, shapes or the number of inputs differ;
    /// [`EngineError::Batch`] if the batch is outside `1..=max_batch`.
    pub(super) fn order<'a, 'v>(
        &self,
        given: &'a [(&str, ArrayViewD<'v, f32>)],
    ) -> Result<(Vec<&'a ArrayViewD<'v, f32>>, usize), EngineError> {
        // The first input decides; one with another batch then fits no shape.
        let batch = given.first().and_then(|(_, v)| v.shape().first().copied()).unwrap_or(0);
        let ordered = self.inputs.iter().map(|input| view_of(input, given, batch));
        match ordered.collect::<Option<Vec<_>>>() {
            Some(_) if !(1..=self.max_batch).contains(&batch) => {
                Err(EngineError::Batch { got: batch, max: self.max_batch })
            }
            Some(views) if views.len() == given.len() => Ok((views, batch)),
            _ => Err(EngineError::Inputs { expected: self.expected(), got: got(given) }),
        }
    }

    fn expected(&self) -> String {
        let mut inputs = Vec::new();
        for (name, shape) in &self.inputs {
            let dims: Vec<_> = shape.iter().map(usize::to_string).collect();
            inputs.push(format!("{name} [n, {}]", dims.join(", ")));
        }
        inputs.join(", ")
    }
}

/// The given values of an input; `None` if there are none of its name, its shape and this batch.
fn view_of<'a, 'v>(
    (name, shape): &(String, Shape),
    given: &'a [(&str, ArrayViewD<'v, f32>)],
    batch: usize,
) -> Option<&'a ArrayViewD<'v, f32>> {
    // By name: the order of a caller need not be that of the network.
    let (_, view) = given.iter().find(|(given, _)| given == name)?;
    (view.shape().split_first() == Some((&batch, &shape[..]))).then_some(view)
}

fn got(given: &[(&str, ArrayViewD<f32>)]) -> String {
    let given = given.iter().map(|(name, view)| format!("{name} {:?}", view.shape()));
    given.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn};

    fn signature() -> Signature {
        let shapes = [("a".to_owned(), vec![2, 2]), ("b".to_owned(), vec![3])];
        let precision = models::bundle::Precision::Fp32;
        Signature::of(&Model { onnx: &[], inputs: &shapes, max_batch: 4, precision })
    }

    fn order(given: &[(&str, &[usize])]) -> Result<(Vec<Vec<usize>>, usize), EngineError> {
        let arrays: Vec<_> =
            given.iter().map(|(n, s)| (*n, ArrayD::<f32>::zeros(IxDyn(s)))).collect();
        let views: Vec<_> = arrays.iter().map(|(n, a)| (*n, a.view())).collect();
        let (views, batch) = signature().order(&views)?;
        Ok((views.iter().map(|v| v.shape().to_vec()).collect(), batch))
    }

    #[test]
    fn inputs_are_found_by_name() {
        let (shapes, batch) = order(&[("b", &[4, 3]), ("a", &[4, 2, 2])]).unwrap();
        assert_eq!((shapes, batch), (vec![vec![4, 2, 2], vec![4, 3]], 4));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_sides() {
        let wrong: [&[(&str, &[usize])]; 5] = [
            &[("a", &[1, 2, 2])],
            &[("a", &[1, 2, 2]), ("c", &[1, 3])],
            &[("a", &[1, 2, 2]), ("b", &[2, 3])],
            &[("a", &[1, 2, 2]), ("b", &[1, 3]), ("c", &[1])],
            &[],
        ];
        for given in wrong {
            let error = order(given).unwrap_err();
            assert!(matches!(error, EngineError::Inputs { .. }), "{given:?}: {error}");
            assert!(error.to_string().contains("a [n, 2, 2], b [n, 3]"), "{error}");
        }
        let error = order(&[("a", &[5, 2, 2]), ("b", &[5, 3])]).unwrap_err();
        assert!(matches!(error, EngineError::Batch { got: 5, max: 4 }), "{error}");
        let error = order(&[("a", &[0, 2, 2]), ("b", &[0, 3])]).unwrap_err();
        assert!(matches!(error, EngineError::Batch { got: 0, max: 4 }), "{error}");
    }
}
