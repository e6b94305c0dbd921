//! Damaged and malicious `.pth` files: an error that says what is wrong, never a panic, never much
//! memory.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use train::pth;

use super::fixture;
use super::pth_file::{
    View, legacy, legacy_tensor, one_tensor, tensor, text, with_pickle, zip, zip_with_method,
};

const GOOD: View<'_> =
    View { storage: "0", elements: 6, offset: 0, shape: &[2, 3], strides: &[3, 1] };

fn refusal(bytes: &[u8]) -> String {
    pth::read(bytes).unwrap_err().to_string()
}

fn check(pickle: &[u8], expected: &str) {
    let error = refusal(&with_pickle(pickle));
    assert!(error.contains(expected), "`{expected}` is not in `{error}`");
}

/// Every entry has a checksum, so a changed byte either does not matter or is noticed.
#[test]
fn a_changed_byte_is_detected_or_has_no_effect() {
    let bytes = fixture("kinds.pth");
    let good = pth::read(&bytes).unwrap();
    let mut noticed = 0;
    for at in 0..bytes.len() {
        for mask in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            match pth::read(&changed) {
                Ok(file) => assert!(file == good, "byte {at} ^ {mask:02x} changed the tensors"),
                Err(_) => noticed += 1,
            }
        }
    }
    assert!(noticed > 4 * 1000, "{noticed}");
}

#[test]
fn a_cut_file_is_refused() {
    let bytes = fixture("kinds.pth");
    for end in 0..bytes.len() {
        assert!(pth::read(&bytes[..end]).is_err(), "cut at {end}");
    }
}

/// The pickle of `kinds.pth`, changed under a right checksum.
#[test]
fn a_changed_pickle_never_panics() {
    let bytes = fixture("kinds.pth");
    let start = bytes.windows(2).position(|w| w == b"\x80\x02").unwrap();
    let end = bytes.windows(4).position(|w| w == b"PK\x07\x08").unwrap();
    let pickle = &bytes[start..end];
    assert_eq!(pickle.last(), Some(&b'.'));
    let storage = [0; 48];
    let names: Vec<String> = (0..12).map(|key| format!("a/data/{key}")).collect();
    let read = |pickle: &[u8]| {
        let mut entries: Vec<(&str, &[u8])> =
            names.iter().map(|n| (n.as_str(), &storage[..])).collect();
        entries.push(("a/data.pkl", pickle));
        pth::read(&zip(&entries)).is_ok()
    };
    for end in 0..pickle.len() {
        assert!(!read(&pickle[..end]), "cut at {end}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for at in 0..pickle.len() {
        for _ in 0..24 {
            let mut changed = pickle.to_vec();
            changed[at] = rng.next_u32() as u8;
            changed[rng.next_u32() as usize % pickle.len()] = rng.next_u32() as u8;
            read(&changed);
        }
    }
}

/// Instructions in random order, most of them known ones: the stack machine itself.
#[test]
fn random_instructions_never_panic() {
    const CODES: &[u8] = b"(((0}])tlduase\x85\x86\x87NK\x88J\x8aXq\x94hQRb\x93cM\x95G";
    let globals =
        ["ctorch\nSize\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n"];
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..20_000 {
        let mut pickle = b"\x80\x02".to_vec();
        for _ in 0..rng.next_u32() % 60 {
            match rng.next_u32() % 8 {
                0 => pickle.extend(globals[rng.next_u32() as usize % 3].as_bytes()),
                1 => pickle.extend(text("w")),
                2 => pickle.extend([b'K', rng.next_u32() as u8 % 4]),
                _ => pickle.push(CODES[rng.next_u32() as usize % CODES.len()]),
            }
        }
        pickle.push(b'.');
        let _ = pth::read(&with_pickle(&pickle));
    }
}

#[test]
fn names_that_could_execute_code_are_refused() {
    check(b"\x80\x02cos\nsystem\n(X\x02\0\0\0lstR.", "`os.system`");
    check(b"\x80\x02cbuiltins\neval\n.", "`builtins.eval`");
    check(b"\x80\x02ctorch\nload\n.", "`torch.load`");
    check(b"\x80\x02ctorch.nn.modules.conv\nConv2d\n)\x81.", "torch.nn.modules.conv.Conv2d");
    check(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "`posix.system`");
    check(b"\x80\x02cargparse\nArgumentParser\n)\x81.", "torch.save(model.state_dict(), path)");
    check(b"\x80\x02c\x1b[31mos\nsystem\n.", "`\\u{1b}[31mos.system`");
    check(b"\x80\x02ctorch\nFloatStorage\n)R.", "expected a call as torch.save writes it");
    check(b"\x80\x02)\x92.", "instruction 0x92");
    check(b"\x80\x02ctorch\nFloatStorage\n)\x81.", "expected an object as torch.save writes it");
    check(b"\x80\x02K\x01)R.", "expected a function to call");
    check(b"\x80\x02)K\x01b.", "expected a dict");
}

#[test]
fn views_that_exceed_their_storage_are_refused() {
    let with = |change: fn(&mut View<'_>)| {
        let mut view = GOOD;
        change(&mut view);
        one_tensor(&view)
    };
    assert_eq!(pth::read(&with_pickle(&with(|_| ()))).unwrap().floats["w"].shape(), [2, 3]);
    check(&with(|v| v.offset = 1), "leaves its storage of 6 numbers");
    check(&with(|v| v.strides = &[4, 1]), "leaves its storage");
    check(&with(|v| v.strides = &[i64::MAX, i64::MAX]), "leaves its storage");
    check(&with(|v| v.offset = i64::MAX), "leaves its storage");
    check(&with(|v| v.offset = -1), "a number of elements");
    check(&with(|v| v.shape = &[2, -3]), "a number of elements");
    check(&with(|v| v.strides = &[1]), "as many strides as dimensions");
    check(&with(|v| v.shape = &[1; 9]), "at most 8 dimensions");
    check(&with(|v| v.elements = 7), "its storage `0` has 24 bytes, expected 7 numbers of 4 bytes");
    check(&with(|v| v.elements = i64::MAX), "expected 9223372036854775807 numbers");
    check(&with(|v| v.storage = "1"), "no entry `a/data/1`");
    // A repeated number takes no room in the file, but would in memory.
    check(&with(|v| (v.shape, v.strides) = (&[1 << 40, 3], &[0, 1])), "more than");
    check(&with(|v| (v.shape, v.strides) = (&[1 << 32, 1 << 32], &[0, 0])), "more than");
    check(&with(|v| (v.shape, v.strides) = (&[1 << 40, 1 << 40, 0], &[0, 0, 1])), "more than");
}

#[test]
fn hostile_structures_are_refused() {
    let many = |unit: &[u8], times: usize, end: &[u8]| {
        [b"\x80\x02", unit.repeat(times).as_slice(), end].concat()
    };
    check(&many(b"(", 2_000_000, b"."), "more than 1048576 values");
    check(&many(b"]", 2_000_000, b"."), "more than 1048576 values");
    check(
        &[b"\x80\x02N".as_slice(), &b"\x94".repeat(2_000_000), b"."].concat(),
        "more than 1048576",
    );
    // A million tuples within each other, a dict within itself, and 8^12 paths to nothing.
    check(&many(b"\x85", 1_000_000, b"."), "a value on the stack");
    check(
        &[b"\x80\x02N".as_slice(), &b"\x85".repeat(1_000_000), b"."].concat(),
        "nested too deeply",
    );
    check(&[b"\x80\x02}q\0".as_slice(), &text("a"), b"h\0s."].concat(), "nested too deeply");
    check(&[b"\x80\x02}q\0".as_slice(), &text(""), b"h\0s."].concat(), "nested too deeply");
    let eight = [b"0(".as_slice(), &b"h\0".repeat(8), b"tq\0"].concat();
    check(&[b"\x80\x02)q\0".as_slice(), &eight.repeat(12), b"."].concat(), "nested too deeply");
    let long = "n".repeat(5000);
    check(&[b"\x80\x02}".as_slice(), &text(&long), b"Ns."].concat(), "too long names");
    check(b"\x80\x02}NNs.", "neither a text nor a number");
    check(b"\x80\x02}(Nu.", "a value for each key");
    check(b"\x80\x02}(.", "a value on the stack");
    check(b"\x80\x02h\x05.", "a value that was remembered");
    check(b"\x80\x09.", "protocol");
    check(b"\x80\x02\x8a\xff", "cut short");
    check(b"X\xff\xff\xff\xff", "cut short");
    check(b"", "cut short");
    check(b"\x80\x02ctorch", "a name of at most 255 bytes");
    let entry = [text("w"), tensor(&GOOD), b"s".to_vec()].concat();
    check(&[b"\x80\x02}".as_slice(), &entry, &entry, b"."].concat(), "two tensors named `w`");
}

#[test]
fn containers_that_torch_does_not_write_are_refused() {
    let pickle = one_tensor(&GOOD);
    let entries: [(&str, &[u8]); 2] = [("a/data.pkl", &pickle), ("a/data/0", &[0; 24])];
    let with = |more: &[(&'static str, &'static [u8])]| zip(&[&entries[..], more].concat());
    assert!(pth::read(&with(&[])).is_ok());
    assert!(pth::read(&[&with(&[])[..], &[0; 70_000]].concat()).is_err(), "no end in reach");
    for (bytes, expected) in [
        (with(&[("a/byteorder", b"big")]), "byte order is `big`, expected `little`"),
        (with(&[("a/data/0", &[1; 24])]), "two entries named `a/data/0`"),
        (zip_with_method(&entries, 8), "`a/data.pkl` is compressed"),
        (zip(&entries[1..]), "no entry `*/data.pkl`"),
        (zip(&entries[..1]), "no entry `a/data/0`"),
        (b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0".to_vec(), "zip64"),
    ] {
        let error = refusal(&bytes);
        assert!(error.contains(expected), "`{expected}` is not in `{error}`");
    }
}

/// A small zip file of many entries over one large run of bytes would take hours of checksums.
#[test]
fn overlapping_entries_are_refused() {
    let mut bytes = zip(&[("a/data.pkl", &[0; 1000]), ("a/data/0", &[])]);
    // The second entry of the directory points at the first one's data.
    let second = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let first = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes.copy_within(first + 16..first + 28, second + 16);
    bytes[second + 42..second + 46].fill(0);
    let error = refusal(&bytes);
    assert!(error.contains("entries overlap"), "{error}");
}

/// A file from before PyTorch 1.6 with two tensors in one storage and one in another.
fn old() -> Vec<u8> {
    let view = |storage, shape, strides| View { storage, elements: 6, offset: 0, shape, strides };
    let pickle = [
        b"\x80\x02}(".as_slice(),
        &text("plain"),
        &legacy_tensor(&view("7", &[2, 3], &[3, 1])),
        &text("turned"),
        &legacy_tensor(&view("7", &[3, 2], &[1, 3])),
        &text("other"),
        &legacy_tensor(&view("12", &[6], &[1])),
        b"u.",
    ];
    let numbers = |first: u8| (first..first + 6).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    let storages = [("12".to_owned(), numbers(10)), ("7".to_owned(), numbers(0))];
    legacy(&pickle.concat(), &storages)
}

#[test]
fn old_files_are_read_by_their_strides() {
    assert!(pth::is_pth(&old()));
    let file = pth::read(&old()).unwrap();
    let values = |name: &str| file.floats[name].iter().copied().collect::<Vec<_>>();
    assert_eq!(file.floats["turned"].shape(), [3, 2]);
    assert_eq!(values("plain"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(values("turned"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values("other"), [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
}

#[test]
fn old_files_cut_or_changed_never_panic() {
    let bytes = old();
    for end in 0..bytes.len() {
        assert!(pth::read(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut refused = 0;
    for at in 15..bytes.len() {
        for _ in 0..60 {
            let mut changed = bytes.clone();
            changed[at] = rng.next_u32() as u8;
            changed[15 + rng.next_u32() as usize % (bytes.len() - 15)] ^= rng.next_u32() as u8;
            refused += usize::from(pth::read(&changed).is_err());
        }
    }
    assert!(refused > 10_000, "{refused}");
}

#[test]
fn errors_of_an_old_file_name_the_reason() {
    let replaced = |from: &[u8], to: &[u8]| {
        let bytes = old();
        let at = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let six = 6u64.to_le_bytes();
    for (bytes, expected) in [
        (replaced(b"M\xe9\x03.", b"M\xea\x03."), "another protocol than 1001"),
        (replaced(b"\x88s.", b"\x89s."), "byte order is `big`"),
        (replaced(b"\x88s.", b"Ns."), "byte order is `unknown`"),
        (replaced(&text("12"), &text("13")), "`13` is listed, but no tensor"),
        (replaced(&text("7"), &text("12")), "two storages `12`"),
        (replaced(&text("7"), b""), "no storage `7`"),
        (replaced(&text("7"), b"K\x07"), "list of storages is broken"),
        (replaced(&six, &[0xff; 8]), "`7` has 18446744073709551615 numbers, expected 6"),
        (old()[..old().len() - 1].to_vec(), "ends in the storage `7`"),
    ] {
        let error = refusal(&bytes);
        assert!(error.contains(expected), "`{expected}` is not in `{error}`");
    }
    let all = i64::MAX;
    let view = View { storage: "0", elements: all, offset: 0, shape: &[all], strides: &[1] };
    let pickle = [b"\x80\x02}".as_slice(), &text("w"), &legacy_tensor(&view), b"s."].concat();
    let mut huge = legacy(&pickle, &[("0".to_owned(), Vec::new())]);
    let count = huge.len() - 8;
    huge[count..].copy_from_slice(&all.to_le_bytes());
    assert!(refusal(&huge).contains("ends in the storage `0`"), "{}", refusal(&huge));
}
