//! Networks on inputs that another program made: the numbers are those of the engine.

use edge::attention::Attention;
use edge::embedder::{EmbedError, Embedder};
use edge::engine::{EngineChoice, EngineError, Provider};
use edge::lexicon::NameKnowledge;
use few_shot::protocomnet::{Attributes, Described};
use image::{ImageFormat, Rgb, RgbImage};
use models::bundle::{Bundle, BundleLimits};

use crate::files::encode;
use crate::fixtures::{folder, options, tiny_bundle};

const TRACT: EngineChoice = EngineChoice::Only(Provider::Tract);

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn an_input_has_the_embedding_of_its_image() {
    let mut embedder = Embedder::open(&tiny_bundle(), TRACT, &options(None)).unwrap();
    let drawn = RgbImage::from_fn(48, 40, |x, y| Rgb([x as u8 * 5, y as u8 * 6, 90]));
    let file = encode(drawn, ImageFormat::Png);
    let expected = embedder.embed(&file).unwrap().embedding;
    let input = embedder.decoder().decode(&file, None).unwrap().input;
    let input: Vec<f32> = input.iter().copied().collect();
    assert_eq!(bits(&embedder.embed_input(&input).unwrap()), bits(&expected));
    let other: Vec<f32> = input.iter().map(|value| value * 0.5).collect();
    assert_ne!(bits(&embedder.embed_input(&other).unwrap()), bits(&expected));
    for wrong in [&input[1..], &[]] {
        let error = embedder.embed_input(wrong).unwrap_err();
        let is_refused = matches!(error, EmbedError::Engine(EngineError::Inputs { .. }));
        assert!(is_refused && error.to_string().contains("[3, 32, 32]"), "{error}");
    }
}

#[test]
fn protocomnet_weighs_given_inputs_as_those_of_an_explanation() {
    let folder = folder().join("knowing/knowing-bundle");
    let bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
    let mut attention = Attention::open(&bundle, TRACT, &options(None)).unwrap().unwrap();
    let names = NameKnowledge::open(&bundle).unwrap().unwrap();
    let zebra = names.read("zebra").unwrap();
    let prototype = names.semantic(&[Some(zebra)]);
    let word = names.word(zebra.synset).unwrap();
    let attributes = names.attributes(zebra.synset);
    let expected = attention.weights(prototype.row(0), word.clone(), attributes.into_iter());
    let expected = expected.unwrap();
    assert!(!expected.is_empty());

    let (_, table) = Attributes::parse(bundle.file("attributes.safetensors").unwrap()).unwrap();
    let row = |name: String| table.names.iter().position(|known| *known == name).unwrap();
    let rows = expected.iter().map(|(attribute, _)| row(attribute.to_string())).collect();
    let class = Described { word, attributes: rows };
    let tensors = table.inputs(attention.network().attributes, prototype.view(), &[class]);
    let graph = attention.network().graph();
    let inputs = graph.inputs.iter().map(|input| tensors[&input.name].iter().copied().collect());
    let inputs: Vec<Vec<f32>> = inputs.collect();
    let mut inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let outputs = attention.infer(&inputs).unwrap();
    assert_eq!(outputs[0].len(), attention.network().embedding);
    for ((_, weight), got) in expected.iter().zip(&outputs[1]) {
        assert_eq!(weight.to_bits(), got.to_bits());
    }
    inputs.pop();
    attention.infer(&inputs).unwrap_err();
    inputs.push(&[]);
    attention.infer(&inputs).unwrap_err();
}
