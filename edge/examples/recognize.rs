//! Enrolls two classes from image files and classifies a third image:
//! `cargo run --release -p handful-edge --example recognize -- mug.jpg key.jpg photo.jpg`

use edge::Recognizer;
use edge::device::DeviceSettings;
use edge::recognizer::ClassifyOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, photo] = &files[..] else { return Err("expected three files".into()) };
    let store = tempfile::tempdir()?;
    let settings = DeviceSettings { store: Some(store.path().into()), ..Default::default() };
    let mut recognizer = Recognizer::open(&settings)?;
    for (label, file) in [("first", first), ("second", second)] {
        let image = recognizer.embed_to_enroll(&std::fs::read(file)?)?;
        recognizer.enroll(label, &[image], true)?;
    }
    let photo = recognizer.embed(&std::fs::read(photo)?)?;
    let found = recognizer.classify(&[photo], ClassifyOptions::default())?;
    for candidate in &found.answers[0].candidates {
        println!("{:.3} {}", candidate.similarity, candidate.label);
    }
    Ok(())
}
